"""The commands of the one executable, as an operator uses them."""

from __future__ import annotations

import json
import re
import signal
import socket
import tarfile
import threading
import time
import uuid

import httpx
import postgres
import pytest

from server import BINARY, ROOT, SERVER_NAME, Server, free_port, run


def commands() -> list[str]:
    """The names under SUBCOMMANDS of the help."""
    text = run("--help").stdout
    return re.findall(r"^  ([a-z]+)(?: |$)", text.split("SUBCOMMANDS:")[1], re.MULTILINE)


def test_help_is_complete():
    done = run("--help")
    assert done.returncode == 0
    names = commands()
    assert {"serve", "demo", "user", "backup", "restore", "doctor", "routes", "config"} <= set(names)
    for name in names:
        done = run(name, "--help")
        assert done.returncode == 0 and "USAGE: comptoir " + name in done.stdout, f"{name}: {done.stdout}{done.stderr}"
        overview = done.stdout.split("USAGE:")[0]
        assert len(overview.strip()) > 20, f"{name} does not say what it does"
        lines = done.stdout.splitlines()
        for line, following in zip(lines, lines[1:]):       # every option says what it is for, beside it or below
            if re.match(r"^  --?[a-z]", line) and not re.search(r"\S {2,}\S", line) and not following.startswith(" " * 10):
                pytest.fail(f"{name}: {line.strip()} has no explanation")


def test_the_version_is_printed():
    done = run("--version")
    assert done.returncode == 0 and re.fullmatch(r"\d+\.\d+\.\d+.*", done.stdout.strip())


def test_a_mistyped_setting_refuses_to_start(tmp_path):
    file = tmp_path / "comptoir.conf"
    file.write_text("server_name = shop.example\nlog_levle = debug\n")
    done = run("serve", "--config", str(file), "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0")
    assert done.returncode != 0
    assert "log_levle" in done.stderr and "line 2" in done.stderr and "log_level" in done.stderr.replace("log_levle", "")
    assert not (tmp_path / "data").exists(), "nothing is touched before the settings are known to be right"


@pytest.mark.parametrize("line", ["listen = nonsense", "server_name = shop example", "log_level = loud", "max_upload = much", "database = mysql://x", "no equals sign"])
def test_a_bad_value_refuses_to_start(tmp_path, line):
    file = tmp_path / "comptoir.conf"
    file.write_text(line + "\n")
    done = run("serve", "--config", str(file), "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0" if not line.startswith("listen") else "", timeout=20)
    assert done.returncode != 0 and "line 1" in done.stderr


def test_the_example_file_is_a_valid_file(tmp_path):
    done = run("config")
    assert done.returncode == 0
    keys = re.findall(r"^#? ?([a-z_]+) =", done.stdout, re.MULTILINE)
    assert {"server_name", "listen", "data", "max_upload"} <= set(keys)
    file = tmp_path / "comptoir.conf"
    file.write_text(done.stdout)
    server = Server(config=done.stdout)
    with server:
        assert httpx.get(server.base + "/_matrix/client/versions").status_code == 200


def test_a_taken_address_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("serve", "--data", str(tmp_path / "data"), "--listen", f"127.0.0.1:{port}", timeout=20)
    assert done.returncode != 0 and str(port) in done.stderr


def test_a_second_server_on_the_same_data_is_refused():
    with Server() as server:
        done = run("serve", "--data", str(server.data), "--listen", f"127.0.0.1:{free_port()}", "--server-name", SERVER_NAME, timeout=20)
        assert done.returncode != 0 and "Another comptoir server" in done.stderr
        assert server.register().token, "the first one goes on"
        server.kill()
        server.start()      # a crash leaves nothing behind that would have to be removed by hand


def test_a_second_server_on_the_same_database_is_refused(tmp_path):
    with postgres.database(f"acceptance_{uuid.uuid4().hex[:12]}") as url, Server(database=url) as server:
        second = ["--data", str(tmp_path / "other"), "--database", url, "--listen", f"127.0.0.1:{free_port()}", "--server-name", SERVER_NAME]
        for command in ("serve", "demo"):
            done = run(command, *second, timeout=30)
            assert done.returncode != 0 and "Another comptoir server runs on this PostgreSQL database" in done.stderr, done.stderr
        done = run("user", "create", "ann", "--data", str(server.data), "--database", url, input="a long password\n")
        assert done.returncode == 0, "commands that do not serve work beside a server"
        assert server.register().token, "the first one goes on"
        server.kill()
        server.start()      # the lock goes with the process


def test_another_server_name_is_refused():
    with Server() as server:
        server.register()
        server.stop()
        done = run("serve", "--data", str(server.data), "--listen", f"127.0.0.1:{free_port()}", "--server-name", "other.example", timeout=20)
        assert done.returncode != 0 and SERVER_NAME in done.stderr and "other.example" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number):
    with Server() as server:
        person = server.register()
        room = person.create_room()
        person.send(room, "last words")
        with socket.create_connection(("127.0.0.1", server.port)) as waiting:       # somebody waits for news: that must not hold it up
            since = person.sync()["next_batch"]
            waiting.sendall(f"GET /_matrix/client/v3/sync?timeout=60000&since={since} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\n\r\n".encode())
            server.signal(number)
            assert server.process.wait(15) == 0, server.tail()
        server.start()
        assert [e["content"]["body"] for e in person.history(room) if e["type"] == "m.room.message"] == ["last words"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_under_load_ends_it_cleanly_and_loses_nothing(number):
    """Four people write and four wait for news when the signal comes: status 0, and all that was acknowledged is there."""
    with Server() as server:
        people = [server.register() for _ in range(4)]
        rooms = [person.create_room() for person in people]
        acknowledged: list[set[str]] = [set() for _ in people]
        begun = threading.Barrier(9)

        def write(n: int) -> None:
            begun.wait()
            for count in range(10_000):
                try:
                    acknowledged[n].add(people[n].send(rooms[n], f"{n}.{count}"))
                except (httpx.TransportError, AssertionError):      # no answer, or refused because it ends
                    return

        def wait(n: int) -> None:
            with httpx.Client(base_url=server.base, headers={"Authorization": f"Bearer {people[n].token}"}, timeout=60) as client:
                since = client.get("/_matrix/client/v3/sync").json()["next_batch"]
                begun.wait()
                try:
                    while True:
                        since = client.get("/_matrix/client/v3/sync", params={"since": since, "timeout": 30_000}).json()["next_batch"]
                except (httpx.TransportError, KeyError):
                    return

        threads = [threading.Thread(target=what, args=(n,)) for what in (write, wait) for n in range(4)]
        for thread in threads:
            thread.start()
        begun.wait()
        time.sleep(1)
        server.signal(number)
        assert server.process.wait(15) == 0, server.tail()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
        assert all(acknowledged)
        server.start()
        for person, room, sent in zip(people, rooms, acknowledged):
            assert {e["event_id"] for e in person.history(room) if e["type"] == "m.room.message"} >= sent


def test_the_data_directory_is_private():
    with Server() as server:
        server.register()
        assert server.data.stat().st_mode & 0o077 == 0
        readable = [p.name for p in server.data.rglob("*") if p.is_file() and p.stat().st_mode & 0o077 and server.data.stat().st_mode & 0o077]
        assert not readable


def test_no_secret_is_in_the_log_or_the_database_in_clear():
    with Server(*("--log-level", "trace")) as server:
        person = server.register(password="Tr0mbone-Secret")
        room = person.create_room()
        person.send(room, "Confidential-Words")
        person.request("GET", "/_matrix/client/v3/account/whoami?access_token=" + person.token, token=False)
        person.login()
        server.stop()
        log = server.log()
        for secret in ("Tr0mbone-Secret", person.token, "Confidential-Words"):
            assert secret not in log
        stored = b"".join(p.read_bytes() for p in server.data.rglob("*") if p.is_file())
        for secret in ("Tr0mbone-Secret", person.token):
            assert secret.encode() not in stored


def test_routes_are_listed():
    done = run("routes", "--json")
    assert done.returncode == 0
    listed = {(r["method"], r["path"]) for r in json.loads(done.stdout)}
    assert ("GET", "/_matrix/client/v3/sync") in listed and ("GET", "/_comptoir/health") in listed
    assert run("routes").returncode == 0
