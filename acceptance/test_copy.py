"""A server moves from SQLite to PostgreSQL and back: nobody is signed out, nothing is lost, everything goes on where it was."""

from __future__ import annotations

import hashlib
import os
import uuid

import postgres
from server import Server, run


def test_a_server_moves_to_postgresql_and_back():
    with postgres.database(f"copy_{uuid.uuid4().hex[:12]}") as url, Server() as server:
        ann, bob = server.register(), server.register()
        room = ann.create_room(invite=[bob.id])
        bob.join(room)
        picture = os.urandom(200_000)
        uri = ann.call("POST", "/_matrix/media/v3/upload", content=picture, headers={"Content-Type": "application/octet-stream"})["content_uri"]
        events = {f"before {n}": ann.send(room, f"before {n}", f"once{n}") for n in range(30)}
        ann.call("PUT", f"/_matrix/client/v3/user/{ann.id}/account_data/org.example", {"é": "\U0001f600"})
        read = bob.sync()["next_batch"]
        unread = {f"unread {n}": ann.send(room, f"unread {n}", f"unread{n}") for n in range(5)}
        ann.call("PUT", "/_matrix/client/v3/sendToDevice/org.example.note/t1", {"messages": {bob.id: {"*": {"text": "waits"}}}})
        file = server.data / "comptoir.db"

        def whole(step: str) -> None:
            """What must hold on either database, for tokens and transaction ids from before."""
            news = bob.sync(since=read)
            timeline = news["rooms"]["join"][room]["timeline"]["events"]
            assert [e["event_id"] for e in timeline][:len(unread)] == list(unread.values()), step
            assert step != "on PostgreSQL" or [e["content"]["text"] for e in news["to_device"]["events"]] == ["waits"], step
            for n in range(30):
                assert ann.send(room, f"before {n}", f"once{n}") == events[f"before {n}"], f"{step}: a repeated transaction id"
            answer = bob.request("GET", "/_matrix/client/v1/media/download/" + uri.removeprefix("mxc://"))
            assert hashlib.sha256(answer.content).digest() == hashlib.sha256(picture).digest()
            assert ann.call("GET", f"/_matrix/client/v3/user/{ann.id}/account_data/org.example") == {"é": "\U0001f600"}
            assert ann.login().token

        place = ["--data", str(server.data)]
        done = run("copy", *place, "--to", url)
        assert done.returncode != 0 and "runs" in done.stderr, "not while the server runs"
        server.stop()
        done = run("copy", *place, "--to", url)
        assert done.returncode == 0 and "compared" in done.stdout, done.stderr
        assert not file.exists() and len(list(server.data.glob("comptoir.db.copied-*"))) == 1
        assert run("copy", *place, "--database", url, "--to", url).returncode != 0
        server.arguments += ["--database", url]
        server.start()
        whole("on PostgreSQL")
        position = bob.sync(since=read)["next_batch"]
        assert run("copy", *place, "--database", url, "--to", "sqlite").returncode != 0, "not while the server runs"
        later = ann.send(room, "on PostgreSQL", "later")
        server.stop()

        done = run("copy", *place, "--database", url, "--to", "sqlite")
        assert done.returncode == 0, done.stderr
        assert file.stat().st_mode & 0o077 == 0
        done = run("copy", *place, "--to", url)
        assert done.returncode != 0 and "not empty" in done.stderr and file.exists(), done.stderr
        done = run("copy", *place, "--database", url, "--to", "sqlite")
        assert done.returncode != 0 and "already" in done.stderr, done.stderr
        del server.arguments[-2:]
        server.start()
        whole("back on SQLite")
        news = bob.sync(since=position)["rooms"]["join"][room]["timeline"]["events"]
        assert [e["event_id"] for e in news] == [later], "a token of PostgreSQL goes on here"
        assert ann.send(room, "on PostgreSQL", "later") == later
        assert ann.send(room, "after") not in events.values()
        doctor = run("doctor", *place, "--listen", f"127.0.0.1:{server.port}", "--deep")
        assert doctor.returncode == 0, doctor.stdout
