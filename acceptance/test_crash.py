"""kill -9 in the middle of sending, again and again: what was acknowledged is there, once, in its order.

The senders behave as every careful client does: one message at a time, and after a lost answer the same message with
the same transaction id until an answer comes. A reader follows by /sync over all the crashes.
"""

from __future__ import annotations

import asyncio
import collections
import random
import time

import httpx

from server import Person, Server, asynchronously, run

SENDERS = 6
KILLS = 12


async def sender(base: str, token: str, room: str, number: int, stop: asyncio.Event, acknowledged: dict[str, str]) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    sequence = retries = 0
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=10) as http:
        while not stop.is_set():
            body = f"{number}:{sequence}"
            while True:
                try:
                    answer = await http.put(f"/_matrix/client/v3/rooms/{room}/send/m.room.message/s{number}-{sequence}",
                                            json={"msgtype": "m.text", "body": body})
                except httpx.TransportError:
                    retries += 1
                    await asyncio.sleep(0.02)
                    continue
                assert answer.status_code == 200, answer.text
                acknowledged[body] = answer.json()["event_id"]
                break
            sequence += 1
    assert sequence > 0
    return retries


async def reader(base: str, token: str, room: str, since: str, done: asyncio.Event, seen: list[str]) -> None:
    """Follows by /sync and, where a timeline was cut, pages back to where it had been, as clients do."""
    async with httpx.AsyncClient(base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=15) as http:

        async def get(path: str, **parameters) -> dict:
            while True:
                try:
                    answer = await http.get("/_matrix/client/v3" + path, params=parameters)
                except httpx.TransportError:
                    await asyncio.sleep(0.02)
                    continue
                assert answer.status_code == 200, answer.text
                return answer.json()

        quiet = False
        while not quiet:
            finished = done.is_set()
            sync = await get("/sync", since=since, timeout=300)
            timeline = sync.get("rooms", {}).get("join", {}).get(room, {}).get("timeline", {})
            events = timeline.get("events", [])
            if timeline.get("limited"):
                start = timeline["prev_batch"]
                while start:
                    page = await get(f"/rooms/{room}/messages", dir="b", limit=50, to=since, **{"from": start})
                    events = page["chunk"][::-1] + events
                    start = page.get("end") if page["chunk"] else None
            since = sync["next_batch"]
            bodies = [e["content"]["body"] for e in events if e["type"] == "m.room.message"]
            seen += bodies
            quiet = finished and not bodies


def test_nothing_acknowledged_is_lost_or_doubled(server_on_each):
    server: Server = server_on_each
    owner = server.register("owner")
    senders = [server.register(f"sender{n}") for n in range(SENDERS)]
    room = owner.create_room(preset="public_chat")
    for person in senders:
        person.join(room)
    since = owner.sync()["next_batch"]
    acknowledged: dict[str, str] = {}
    seen: list[str] = []
    starts: list[float] = []

    async def story() -> int:
        stop, done = asyncio.Event(), asyncio.Event()
        reading = asyncio.create_task(reader(server.base, owner.token, room, since, done, seen))
        sending = [asyncio.create_task(sender(server.base, p.token, room, n, stop, acknowledged)) for n, p in enumerate(senders)]
        chance = random.Random(20)
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.1, 0.8))
            before = len(acknowledged)
            server.kill()
            await asyncio.to_thread(server.start)
            starts.append(server.start_seconds)
            # the next crash comes only after some work went through, or this would prove nothing
            deadline = time.monotonic() + 20
            while len(acknowledged) < before + SENDERS:
                assert time.monotonic() < deadline, "the senders did not go on after the restart"
                for task in sending:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.01)
        stop.set()
        retries = sum(await asyncio.gather(*sending))
        done.set()
        await asyncio.wait_for(reading, 60)
        return retries

    retries = asynchronously(story())
    assert retries >= KILLS / 2, "hardly any message was under way when the server was killed"
    assert len(acknowledged) > SENDERS * KILLS

    history = [e for e in owner.history(room) if e["type"] == "m.room.message"]
    stored = {e["content"]["body"]: e["event_id"] for e in history}
    assert len(stored) == len(history), "a message is there twice"
    lost = [body for body, event in acknowledged.items() if stored.get(body) != event]
    assert not lost, f"acknowledged, but not there under its event id: {lost[:10]}"
    assert len(stored) == len(acknowledged)

    for order in ([e["content"]["body"] for e in history], seen):
        last: dict[str, int] = collections.defaultdict(lambda: -1)
        for body in order:
            number, sequence = body.split(":")
            assert int(sequence) == last[number] + 1, f"sender {number}: {sequence} came after {last[number]}"
            last[number] = int(sequence)
    assert seen == [e["content"]["body"] for e in history], "the reader saw another order than the history has"
    print(f"{len(acknowledged)} messages, {retries} retried, {KILLS} kills, slowest start {max(starts):.2f} s")


def test_an_upload_is_whole_or_not_there(server):
    """A picture whose address was given out can be read after a crash."""
    person = server.register()
    addresses = []
    for n in range(5):
        data = bytes([n]) * 300_000
        uri = person.call("POST", "/_matrix/media/v3/upload", content=data,
                          headers={"Content-Type": "application/octet-stream"})["content_uri"]
        addresses.append((uri, data))
        server.kill()
        server.start()
    for uri, data in addresses:
        answer = person.request("GET", f"/_matrix/client/v1/media/download/{uri.removeprefix('mxc://')}")
        assert answer.status_code == 200 and answer.content == data


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
