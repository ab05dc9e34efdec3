"""Accounts, backup, restore and doctor on servers that run, are killed, and come back elsewhere."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import threading
import time
import uuid

import httpx
import pytest

import postgres
from server import ROOT, Person, Server, run


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


def test_incremental_backups_share_their_media_and_the_old_ones_go():
    with Server() as server:
        person, target = server.register(), server.directory / "backups"
        room = person.create_room()
        target.mkdir()
        sizes, uris = [], []
        for n in range(4):
            content = os.urandom(400_000 + n)
            uris.append((person.call("POST", "/_matrix/media/v3/upload", content=content, headers={"Content-Type": "application/octet-stream"})["content_uri"], content))
            person.send(room, f"message {n}")
            done = run("backup", "--incremental", "--keep", "3", str(target), "--data", str(server.data))
            assert done.returncode == 0 and " 1 media files were new" in done.stdout, done
            time.sleep(1.1)     # the archives are named by the second
            sizes.append(sum(p.stat().st_size for p in (target / "media").rglob("*") if p.is_file()))
        assert sizes == [400_000 * n + n * (n - 1) // 2 for n in range(1, 5)], "each file is there once"
        archives = sorted(target.glob("*.tar"))
        assert len(archives) == 3 and "Removed 1 old archives and 0 media files" in done.stdout
        assert run("restore", "--check", str(archives[0])).returncode == 0
        server.kill()
        server.arguments[server.arguments.index("--data") + 1] = str(restored(server, archives[-1], "elsewhere"))
        server.start()
        for uri, content in uris:
            assert person.request("GET", "/_matrix/client/v1/media/download/" + uri.removeprefix("mxc://")).content == content
        stored = next(p for p in (target / "media").rglob("*") if p.is_file() and p.stat().st_size > 1000)
        stored.write_bytes(stored.read_bytes()[:-1] + b"x")
        done = run("restore", "--check", str(archives[-1]))
        assert done.returncode != 0 and stored.name in done.stderr and "damaged" in done.stderr, done.stderr


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_an_older_database_is_saved_before_it_is_brought_up_to_date_and_there_is_a_way_back(kind):
    formats = ROOT / "Tests/AppTests/Operations/Formats"
    held = json.loads((formats / "2026-11-25.json").read_text())
    with contextlib.ExitStack() as stack:
        server = Server()
        stack.callback(server.remove)
        server.arguments[server.arguments.index("--server-name") + 1] = "format.test"
        server.data.mkdir()
        file = server.data / "comptoir.db"
        subprocess.run(["sqlite3", file], input=(formats / "2026-11-25.sql").read_text(), text=True, check=True, capture_output=True)
        if kind == "postgres":
            url = stack.enter_context(postgres.database(f"upgrade_{uuid.uuid4().hex[:12]}"))
            server.start()      # brings the embedded one up to date, for the copy
            server.stop()
            shutil.rmtree(server.data / "backups")
            assert run("copy", "--data", str(server.data), "--to", url).returncode == 0
            subprocess.run(["psql", "-qd", url, "-c", "DROP TABLE network_room; DELETE FROM schema_migration WHERE id = 121"], check=True)
            server.arguments += ["--database", url]
        server.start()
        copies = list((server.data / "backups").iterdir())
        assert len(copies) == 1 and copies[0].stat().st_mode & 0o077 == 0 and "saved before" in server.log(), server.tail()
        whoami = httpx.get(server.base + "/_matrix/client/v3/account/whoami", headers={"Authorization": f"Bearer {held['token']}"})
        assert whoami.json()["user_id"] == held["user"]
        server.restart()
        assert len(list((server.data / "backups").iterdir())) == 1, "nothing is saved where nothing is to be done"
        server.stop()
        if kind == "sqlite":
            for name in ("comptoir.db", "comptoir.db-wal", "comptoir.db-shm"):
                (server.data / name).unlink(missing_ok=True)
            shutil.copy(copies[0], file)
            done = run("doctor", "--data", str(server.data), "--listen", f"127.0.0.1:{server.port}")
            assert "steps of the schema are missing" in done.stdout and "The database is sound." in done.stdout, done.stdout
        else:
            with postgres.database(f"back_{uuid.uuid4().hex[:12]}") as other:
                subprocess.run(["pg_restore", "--exit-on-error", "--no-owner", "-d", other, copies[0]], check=True, capture_output=True)
                done = run("doctor", "--data", str(server.data), "--database", other, "--listen", f"127.0.0.1:{server.port}")
                assert "1 steps of the schema are missing" in done.stdout, done.stdout


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
