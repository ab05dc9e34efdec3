"""kill -9 in the middle of long work: an order that was acknowledged is carried out. What a crash may do to everyday work: test_underfire.py."""

from __future__ import annotations

import collections
import random
import time

from server import Person, Server, run


def test_a_room_is_deleted_over_crashes(server_on_each):
    """An order to delete a room that was acknowledged is carried out, however often the server dies on the way."""
    server: Server = server_on_each
    owner, away = server.register("owner"), server.register("away")
    at = server.arguments.index("--database") if "--database" in server.arguments else None
    place = server.arguments[at:at + 2] if at else []
    done = run("user", "create", "chief", "--admin", "--data", str(server.data), *place, input="a long password\n")
    assert done.returncode == 0, done.stderr
    chief = Person(server, "chief", "a long password").login()
    room, other = owner.create_room(preset="public_chat"), owner.create_room(preset="public_chat")
    for person in [away] + [server.register(f"member{n}") for n in range(20)]:
        person.join(room)
    for n in range(800):
        owner.send(room, f"zanzibar {n}")
    owner.send(other, "stays")
    since = away.sync()["next_batch"]

    order = chief.call("DELETE", f"/_synapse/admin/v2/rooms/{room}", json={"block": True})["delete_id"]
    chance, seen = random.Random(24), collections.Counter()
    for _ in range(40):
        server.kill()
        server.start()
        status = chief.call("GET", f"/_synapse/admin/v2/rooms/delete_status/{order}")
        seen[status["status"]] += 1
        if status["status"] == "complete":
            break
        assert status["status"] in ("scheduled", "active"), status
        time.sleep(chance.uniform(0.3, 0.9))
    deadline = time.monotonic() + 30
    while (status := chief.call("GET", f"/_synapse/admin/v2/rooms/delete_status/{order}"))["status"] != "complete":
        assert time.monotonic() < deadline, status
        time.sleep(0.1)
    assert seen["scheduled"] + seen["active"] > 0, "it was done before the first crash: this proves nothing"
    assert sorted(set(status["shutdown_room"]["kicked_users"])) == sorted(status["shutdown_room"]["kicked_users"])
    assert len(status["shutdown_room"]["kicked_users"]) == 22

    rooms = away.sync(since)["rooms"]
    leave = rooms["leave"][room]["timeline"]["events"][-1]
    assert (leave["type"], leave["state_key"], leave["content"]["membership"]) == ("m.room.member", away.id, "leave")
    assert owner.request("GET", f"/_matrix/client/v3/rooms/{room}/messages?dir=b").status_code == 403
    assert away.request("POST", f"/_matrix/client/v3/join/{room}", json={}).status_code in (403, 404)
    assert [e["content"]["body"] for e in owner.history(other) if e["type"] == "m.room.message"] == ["stays"]
