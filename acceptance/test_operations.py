"""Accounts, backup, restore and doctor on servers that run, are killed, and come back elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import threading

import httpx

from server import Person, Server, run


def restored(server: Server, archive, name: str):
    """A data directory that the archive was restored to."""
    target = server.directory / name
    done = run("restore", str(archive), "--data", str(target))
    assert done.returncode == 0, done.stderr
    return target


def test_an_administrator_makes_accounts_beside_a_running_server():
    with Server(test_flags=False) as server:
        place = ["--data", str(server.data)]
        done = run("user", "create", "ann", "--admin", *place, input="a long password\n")
        assert done.returncode == 0 and "@ann:" + server.name in done.stdout, done.stderr
        done = run("user", "create", "ann", *place, input="a long password\n")
        assert done.returncode != 0 and "taken" in done.stderr
        assert run("user", "create", "bob", *place, input="\n").returncode != 0
        ann = Person(server, "ann", "a long password").login()
        assert run("user", "password", "ann", *place, input="another password\n").returncode == 0
        assert Person(server, "ann", "another password").login().token
        listed = {a["user_id"]: a for a in json.loads(run("user", "list", "--json", *place).stdout)}
        assert listed["@ann:" + server.name]["admin"] is True
        token = run("user", "token", "--uses", "1", *place).stdout.strip()
        for name, allowed in (("eve", True), ("mal", False)):
            body = {"username": name, "password": "a long password"}
            answer = httpx.post(server.base + "/_matrix/client/v3/register", json=body)
            if session := answer.json().get("session"):     # without a token that is still good, nothing is even offered
                answer = httpx.post(server.base + "/_matrix/client/v3/register", json={**body, "auth": {
                    "type": "m.login.registration_token", "token": token, "session": session}})
            assert (answer.status_code == 200) == allowed, f"{name}: {answer.text}"
        assert run("user", "deactivate", "eve", *place).returncode != 0, "without --yes nobody who is not asked is obeyed"
        assert run("user", "deactivate", "eve", "--yes", *place).returncode == 0
        assert ann.id == "@ann:" + server.name


def test_a_backup_of_a_busy_server_holds_what_was_acknowledged_before():
    with Server() as server:
        person = server.register()
        room = person.create_room()
        picture = os.urandom(300_000)
        uri = person.call("POST", "/_matrix/media/v3/upload", content=picture, headers={"Content-Type": "application/octet-stream"})["content_uri"]
        before = [person.send(room, f"before {n}") for n in range(20)]

        writer, stop = server.register(), threading.Event()

        def write() -> None:
            other = writer.create_room()
            while not stop.is_set():
                writer.send(other, "meanwhile")
                writer.call("POST", "/_matrix/media/v3/upload", content=os.urandom(10_000), headers={"Content-Type": "application/octet-stream"})

        thread = threading.Thread(target=write)
        thread.start()
        archives = []
        try:
            for n in range(3):
                archives.append(server.directory / f"backup{n}.tar")
                done = run("backup", str(archives[-1]), "--data", str(server.data))
                assert done.returncode == 0, done.stderr
        finally:
            stop.set()
            thread.join()
        doctor = run("doctor", "--data", str(server.data), "--listen", f"127.0.0.1:{server.port}", "--deep")
        assert doctor.returncode == 0, doctor.stdout
        assert archives[0].stat().st_mode & 0o077 == 0
        with tarfile.open(archives[0]) as tar:
            names = tar.getnames()
            assert names[-1] == "manifest.json" and "comptoir.db" in names
        server.kill()

        server.arguments[server.arguments.index("--data") + 1] = str(restored(server, archives[-1], "elsewhere"))
        server.start()
        assert {e["event_id"] for e in person.history(room)} >= set(before)
        answer = person.request("GET", "/_matrix/client/v1/media/download/" + uri.removeprefix("mxc://"))
        assert hashlib.sha256(answer.content).digest() == hashlib.sha256(picture).digest()
        assert person.send(room, "after")
        deep = run("doctor", "--data", str(server.directory / "elsewhere"), "--listen", f"127.0.0.1:{server.port}", "--deep")
        assert deep.returncode == 0, deep.stdout


def test_a_damaged_archive_is_refused_and_nothing_is_made():
    with Server() as server:
        server.register()
        archive = server.directory / "backup.tar"
        assert run("backup", str(archive), "--data", str(server.data)).returncode == 0
        assert run("backup", str(archive), "--data", str(server.data)).returncode != 0, "never overwrites"
        assert run("restore", str(archive), "--data", str(server.data)).returncode != 0, "never overwrites"
        whole = archive.read_bytes()
        target = server.directory / "new"
        for damage in (whole[: len(whole) // 2], whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:], b"", b"no archive"):
            archive.write_bytes(damage)
            done = run("restore", str(archive), "--data", str(target))
            assert done.returncode != 0 and ("damaged" in done.stderr or "archive" in done.stderr), done.stderr
            assert not target.exists() and not list(server.directory.glob("new*"))
        archive.write_bytes(whole)
        assert run("restore", str(archive), "--data", str(target)).returncode == 0


def test_the_doctor_finds_what_is_wrong():
    with Server() as server:
        person = server.register()
        for n in range(3):
            person.call("POST", "/_matrix/media/v3/upload", content=os.urandom(1000 + n), headers={"Content-Type": "application/octet-stream"})
        place = ["--data", str(server.data), "--listen", f"127.0.0.1:{server.port}"]
        assert run("doctor", *place).returncode == 0
        stored = sorted(p for p in (server.data / "media" / "files").rglob("*") if p.is_file())
        stored[0].unlink()
        stored[1].write_bytes(b"x" * stored[1].stat().st_size)
        findings = json.loads(run("doctor", "--json", "--deep", *place).stdout)
        bad = [f["what"] for f in findings if f["verdict"] == "fail"]
        assert len(bad) == 2 and any("missing" in b for b in bad) and any("damaged" in b for b in bad), findings
        assert run("doctor", *place).returncode == 1
        assert run("backup", str(server.directory / "b.tar"), "--data", str(server.data)).returncode != 0, "a backup without its media is none"
        server.stop()
        os.chmod(server.data, 0o755)
        shutil.copy(server.data / "comptoir.db", server.directory / "whole.db")
        text = run("doctor", "--data", str(server.data), "--listen", f"127.0.0.1:{server.port}").stdout
        assert "chmod 700" in text and "does not run" in text
