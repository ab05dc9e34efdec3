"""A disk that is full, that fails, that cannot sync, under load and with crashes in between: what was acknowledged is there, once and in order.

Everybody does as a careful client does: one thing at a time, and after a lost or refused answer the same again, under the same transaction id,
until it is taken. COMPTOIR_FAULT_ROUNDS lengthens the run.
"""

from __future__ import annotations

import collections
import os
import random
import threading
import time
import uuid

import httpx
import pytest

import postgres
from faults import failing
from server import Person
from shop import Agent, Shop

ROUNDS = int(os.environ.get("COMPTOIR_FAULT_ROUNDS", "10"))
SEED = int(os.environ.get("COMPTOIR_FAULT_SEED", "11"))
SENDERS = 4
DESK, WIDGET = "/_comptoir/desk/v1", "/_comptoir/widget/v1"


class Doer(threading.Thread):
    """Does one thing after the other, each until it is acknowledged."""

    def __init__(self, server: Shop, person: Person):
        super().__init__(daemon=True)
        self.server, self.person = server, person
        self.http = httpx.Client(base_url=server.base, timeout=20, headers={"Authorization": f"Bearer {person.token}"})
        self.stop = threading.Event()
        self.count = 0
        self.refused = self.lost = 0
        self.problems: list[str] = []

    def run(self) -> None:
        while not self.stop.is_set() and not self.problems:
            self.step(self.count)
            self.count += 1

    def step(self, n: int) -> None:
        raise NotImplementedError

    def do(self, method: str, path: str, **options) -> dict:
        """Asks until the answer is a 2xx. Anything but that or a 5xx with an error that says something is a problem."""
        deadline = time.monotonic() + 60
        while True:
            try:
                answer = self.http.request(method, path, **options)
            except httpx.TransportError:
                self.lost += 1
                time.sleep(0.02)
                answer = None
            if answer is not None:
                if answer.is_success:
                    return answer.json() if answer.content else {}
                body = answer.json()
                if answer.status_code < 500 or not (body.get("errcode") or body.get("code")):
                    self.problems.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
                    return {}
                self.refused += 1
                time.sleep(0.01)
            if time.monotonic() > deadline:
                self.problems.append(f"{method} {path}: nothing for a minute, at last {answer.text[:300] if answer is not None else 'no answer'}")
                return {}


class Sender(Doer):
    def __init__(self, server: Shop, person: Person, room: str, number: int):
        super().__init__(server, person)
        self.room, self.number = room, number
        self.acknowledged: dict[str, str] = {}
        self.read = ""

    def step(self, n: int) -> None:
        body = f"{self.number}:{n}"
        event = self.do("PUT", f"/_matrix/client/v3/rooms/{self.room}/send/m.room.message/{self.number}-{n}", json={"msgtype": "m.text", "body": body}).get("event_id")
        self.acknowledged[body] = event
        if n % 5 == 0 and not self.problems:
            self.do("POST", f"/_matrix/client/v3/rooms/{self.room}/receipt/m.read/{event}", json={})
            self.read = event


class Uploader(Doer):
    def __init__(self, server: Shop, person: Person):
        super().__init__(server, person)
        self.chance = random.Random(SEED)
        self.acknowledged: list[tuple[str, bytes]] = []

    def step(self, n: int) -> None:
        content = self.chance.randbytes(self.chance.choice([10, 5_000, 300_000]))
        uri = self.do("POST", "/_matrix/media/v3/upload", content=content, headers={"Content-Type": "application/octet-stream"}).get("content_uri")
        self.acknowledged.append((uri, content))


class NoteWriter(Doer):
    def __init__(self, server: Shop, person: Agent, conversation: str):
        super().__init__(server, person)
        self.conversation = conversation
        self.acknowledged: list[str] = []

    def step(self, n: int) -> None:
        self.do("POST", f"{DESK}/conversations/{self.conversation}/notes", json={"key": f"note-{n}", "body": f"note {n}"})
        self.acknowledged.append(f"note {n}")
        if n % 3 == 0:
            self.do("PUT", f"{DESK}/conversations/{self.conversation}/priority", json={"priority": "high" if n % 2 else "normal"})
            self.priority = "high" if n % 2 else "normal"


def a_conversation(shop: Shop) -> str:
    person = Agent(shop, "visitor", "")
    answer = person.call("POST", WIDGET + "/session", {"inbox": shop.inbox["key"], "language": "fr"}, token=False)
    person.token = answer["access_token"]
    person.call("POST", WIDGET + "/conversations", {"inbox": shop.inbox["key"], "txn_id": str(uuid.uuid4()), "content": {"msgtype": "m.text", "body": "Bonjour"}})
    return shop.anna.conversations()[0]["id"]


def notes(shop: Shop, conversation: str) -> list[str]:
    """Bodies of all notes, oldest first."""
    found, cursor = [], ""
    while True:
        page = shop.anna.desk("GET", f"/conversations/{conversation}/timeline?limit=100{cursor}")
        found = [item["note"]["body"] if "note" in item else item["body"] for item in page["items"] if item["kind"] == "note"] + found
        if not page["items"]:
            return found
        cursor = f"&before={page['items'][0]['id']}"


FAULTS = [
    ("now and then a sync fails", {"sync": 0.3}), ("no sync works", {"sync": 1}), ("the disk is full", {"full": 1}),
    ("the disk is nearly full", {"full": 0.3}), ("writing fails now and then", {"error": 0.1}), ("writing writes only a part", {"part": 0.3}),
    ("everything at once", {"sync": 0.1, "full": 0.1, "error": 0.05, "part": 0.1}),
]


def the_story(shop: Shop, disk) -> None:
    room = shop.anna.create_room(preset="public_chat")
    senders = []
    for number in range(SENDERS):
        person = shop.register()
        person.join(room)
        senders.append(Sender(shop, person, room, number))
    uploader, writer = Uploader(shop, shop.register()), NoteWriter(shop, shop.anna, a_conversation(shop))
    doers: list[Doer] = [*senders, uploader, writer]
    chance = random.Random(SEED)
    for doer in doers:
        doer.start()

    def problems() -> list[str]:
        return [problem for doer in doers for problem in doer.problems]

    def wait_for_progress(what: str) -> None:
        before, deadline = [doer.count for doer in doers], time.monotonic() + 40
        while not all(doer.count > was + 1 for doer, was in zip(doers, before)):
            assert not problems(), problems()
            assert shop.alive(), f"{what}: the server ended with {shop.process.returncode}\n{shop.tail()}"
            assert time.monotonic() < deadline, f"{what}: {[type(doer).__name__ for doer, was in zip(doers, before) if doer.count <= was + 1]} did not go on\n{shop.tail()}"
            time.sleep(0.02)

    wait_for_progress("the beginning")
    crashes = 0
    for number in range(ROUNDS):
        what, often = FAULTS[number % len(FAULTS)] if number < len(FAULTS) else chance.choice(FAULTS)
        failed = disk.count
        disk.set(**often)
        time.sleep(chance.uniform(0.2, 0.8))
        assert disk.count > failed, f"{what}: nothing failed"
        assert shop.alive(), f"{what}: the server ended with {shop.process.returncode}\n{shop.tail()}"
        if chance.random() < 0.5:
            shop.kill()
            crashes += 1
            disk.heal()
            shop.start()
        disk.heal()
        wait_for_progress(what)
    for doer in doers:
        doer.stop.set()
    for doer in doers:
        doer.join(70)
    assert not problems(), problems()
    assert crashes > 0 and sum(doer.refused for doer in doers) > 0

    shop.kill()
    shop.start()
    history = [event for event in shop.anna.history(room) if event["type"] == "m.room.message"]
    stored = {event["content"]["body"]: event["event_id"] for event in history}
    acknowledged = {body: event for sender in senders for body, event in sender.acknowledged.items()}
    assert len(stored) == len(history), "a message is there twice"
    assert stored == acknowledged
    last: dict[str, int] = collections.defaultdict(lambda: -1)
    for event in history:
        number, n = event["content"]["body"].split(":")
        assert int(n) == last[number] + 1, f"sender {number}: {n} came after {last[number]}"
        last[number] = int(n)
    receipts = next(entry for entry in shop.anna.sync()["rooms"]["join"][room]["ephemeral"]["events"] if entry["type"] == "m.receipt")["content"]
    for sender in senders:
        assert sender.person.id in receipts.get(sender.read, {}).get("m.read", {}), "a receipt is lost"
    for uri, content in uploader.acknowledged:
        answer = uploader.person.request("GET", "/_matrix/client/v1/media/download/" + uri.removeprefix("mxc://"))
        assert answer.status_code == 200 and answer.content == content, f"{uri}: {answer.status_code}"
    found = notes(shop, writer.conversation)
    assert found == writer.acknowledged, (len(found), found[:5], found[-5:], len(writer.acknowledged))
    assert shop.anna.desk("GET", f"/conversations/{writer.conversation}")["priority"] == writer.priority
    print(f"{disk.count} faults, {crashes} crashes: {len(acknowledged)} messages, {len(uploader.acknowledged)} uploads, {len(writer.acknowledged)} notes; "
          f"{sum(doer.refused for doer in doers)} refused, {sum(doer.lost for doer in doers)} lost answers")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_failing_disk_loses_nothing(kind):
    if kind == "sqlite":
        shop = Shop()
        with failing(shop) as disk, shop:
            the_story(shop, disk)
        return
    # PostgreSQL's own disk is its affair: here it is the media that fail.
    with postgres.database(f"acceptance_{uuid.uuid4().hex[:12]}") as url:
        shop = Shop(database=url)
        with failing(shop) as disk, shop:
            the_story(shop, disk)
