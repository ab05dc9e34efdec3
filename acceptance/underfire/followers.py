"""Clients that follow from where they were, over all faults. What each has put together must equal what a new one is told."""

from __future__ import annotations

import asyncio
import json
import time
from urllib.parse import quote

from .doers import C3, DESK, Problem
from .wire import Flight, Lost, Wire


class _Held(Exception):
    pass


class Follower:
    """`ask` goes on until there is an answer, as a client does that wants to know."""

    def __init__(self, port: int, token: str, flight: Flight):
        self.wire = Wire(port, token, flight)
        self.token, self.port, self.flight = token, port, flight
        self.problem = ""
        self.lost = self.refused = 0
        self.task: asyncio.Task | None = None
        self.holds = self.polls = False
        self.pace = 0.02

    def start(self) -> None:
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            while not self.holds:
                self.polls = True
                await self.step(timeout=1_000)
                await asyncio.sleep(self.pace)
        except _Held:
            pass
        except Exception as problem:            # told by the story
            self.problem = f"{type(self).__name__}: {problem!r}"

    async def hold(self) -> None:
        """Ends following for a while. A question that waits for something new is given up."""
        self.holds = True
        if self.polls:
            self.wire.close()
        if self.task:
            await self.task
        if self.problem:
            raise Problem(self.problem)

    def go_on(self) -> None:
        self.holds = False
        self.start()

    async def step(self, timeout: int) -> bool:
        raise NotImplementedError

    async def settle(self) -> None:
        """Follows to the end."""
        self.polls = False
        for _ in range(1_000):
            if not await self.step(timeout=0):
                return
        raise Problem(f"{type(self).__name__} is told something new for ever")

    async def ask(self, method: str, path: str, body=None, also: tuple[int, ...] = ()) -> dict:
        deadline = time.monotonic() + 60
        while True:
            try:
                status, answer = await self.wire.ask(method, path, body)
                self.polls = False              # what was told must be taken in as a whole
                if status == 200 or status in also:
                    return json.loads(answer)
                if status < 500 or status == 500 != self.flight.worst:
                    raise Problem(f"{method} {path}: {status} {answer[:300]!r}")
                self.refused += 1
                await asyncio.sleep(0.02)
            except Lost:
                if self.holds and self.polls:
                    raise _Held from None
                self.lost += 1
                await asyncio.sleep(0.02)
            if time.monotonic() > deadline:
                raise Problem(f"{method} {path}: nothing for a minute")


def receipts_of(events: list[dict]) -> dict:
    found = {}
    for entry in events:
        if entry["type"] == "m.receipt":
            for event, kinds in entry["content"].items():
                for kind, users in kinds.items():
                    for user, data in users.items():
                        found[(kind, user, data.get("thread_id"))] = event
    return found


class Room:
    def __init__(self):
        self.timeline: list[dict] = []
        self.state: dict = {}
        self.account: dict = {}
        self.receipts: dict = {}
        self.counts: dict = {}

    def difference(self, other: Room, tail: int) -> str:
        for name in ("state", "account", "receipts", "counts"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                wrong = [key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key)][:3]
                return f"{name}: " + ", ".join(f"{key}: {mine.get(key)} instead of {theirs.get(key)}" for key in wrong)
        mine, theirs = ([event["event_id"] for event in room.timeline[-tail:]] for room in (self, other))
        length = min(len(mine), len(theirs))
        return f"timeline: {mine} instead of {theirs}" if mine[-length:] != theirs[-length:] else ""


class Classic(Follower):
    """`/v3/sync`. Pages back where its timeline was cut, so that it has seen every event."""

    FILTER = quote(json.dumps({"room": {"timeline": {"limit": 30}}, "presence": {"types": []}}))
    COUNTS = ("notification_count", "highlight_count")

    def __init__(self, *context):
        super().__init__(*context)
        self.since = ""
        self.rooms: dict[str, Room] = {}
        self.account: dict = {}
        self.to_device: list[str] = []

    async def step(self, timeout: int) -> bool:
        answer = await self.ask("GET", f"{C3}/sync?timeout={timeout}&filter={self.FILTER}" + (f"&since={self.since}" if self.since else ""))
        await self.take(answer, self.since)
        self.since = answer["next_batch"]
        return any(answer.get(part) for part in ("rooms", "account_data", "to_device"))

    async def take(self, answer: dict, since: str) -> None:
        self.account.update((entry["type"], entry["content"]) for entry in answer.get("account_data", {}).get("events", []))
        self.to_device += [entry["content"]["text"] for entry in answer.get("to_device", {}).get("events", [])]
        for id, said in answer.get("rooms", {}).get("join", {}).items():
            room = self.rooms.setdefault(id, Room())
            timeline = said.get("timeline", {})
            events = timeline.get("events", [])
            if timeline.get("limited") and since:
                events = await self.gap(id, timeline["prev_batch"], since) + events
            room.timeline += events
            for entry in said.get("state", {}).get("events", []) + [event for event in events if "state_key" in event]:
                room.state[(entry["type"], entry["state_key"])] = entry["event_id"]
            room.account.update((entry["type"], entry["content"]) for entry in said.get("account_data", {}).get("events", []))
            room.receipts.update(receipts_of(said.get("ephemeral", {}).get("events", [])))
            room.counts.update(said.get("unread_notifications", {}))
            room.counts.update({f"summary {key}": value for key, value in said.get("summary", {}).items()})

    async def gap(self, room: str, start: str, since: str) -> list[dict]:
        events: list[dict] = []
        token: str | None = start
        while token:
            page = await self.ask("GET", f"{C3}/rooms/{room}/messages?dir=b&limit=200&from={token}&to={since}")
            events = page["chunk"][::-1] + events
            token = page.get("end") if page["chunk"] else None
        return events

    async def difference(self) -> str:
        fresh = Classic(self.port, self.token, self.flight)
        answer = await self.ask("GET", f"{C3}/sync?timeout=0&filter={self.FILTER}")
        await fresh.take(answer, "")
        if self.account != fresh.account:
            return f"account data: {self.account} instead of {fresh.account}"
        if self.rooms.keys() != fresh.rooms.keys():
            return f"rooms: {sorted(self.rooms)} instead of {sorted(fresh.rooms)}"
        self.fresh = fresh
        return next((f"{id}: {text}" for id, room in self.rooms.items() if (text := room.difference(fresh.rooms[id], 30))), "")


class Sliding(Follower):
    """Simplified sliding sync. A position that the server no longer knows means a new beginning, as for the clients in use."""

    PATH = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
    FACTS = ("name", "joined_count", "invited_count", "notification_count", "highlight_count", "is_dm")

    def __init__(self, *context):
        super().__init__(*context)
        self.restarts = 0
        self.begin_anew()

    def begin_anew(self) -> None:
        self.pos = ""
        self.rooms: dict[str, Room] = {}
        self.account: dict = {}

    BODY = {
        "lists": {"all": {"ranges": [[0, 99]], "timeline_limit": 10, "required_state": [["*", "*"]]}},
        "extensions": {"account_data": {"enabled": True}, "receipts": {"enabled": True}},
    }

    async def step(self, timeout: int) -> bool:
        body = {"conn_id": "follower", **self.BODY}
        answer = await self.ask("POST", f"{self.PATH}?timeout={timeout}" + (f"&pos={self.pos}" if self.pos else ""), body, also=(400,))
        if answer.get("errcode") == "M_UNKNOWN_POS" and self.pos:
            self.begin_anew()
            self.restarts += 1
            return True
        if "errcode" in answer:
            raise Problem(f"sliding sync: {answer}")
        self.take(answer)
        self.pos = answer["pos"]
        return bool(answer.get("rooms")) or any(answer.get("extensions", {}).get(name, {}).get(part) for name, part in (
            ("account_data", "global"), ("account_data", "rooms"), ("receipts", "rooms")))

    def take(self, answer: dict) -> None:
        for id, said in answer.get("rooms", {}).items():
            if said.get("initial") or id not in self.rooms:
                old = self.rooms.get(id, Room())
                self.rooms[id] = room = Room()
                room.account, room.receipts = old.account, old.receipts
            room = self.rooms[id]
            events = said.get("timeline", [])
            if said.get("limited"):
                room.timeline = []
            room.timeline += events
            for entry in said.get("required_state", []) + [event for event in events if "state_key" in event]:
                room.state[(entry["type"], entry["state_key"])] = entry["event_id"]
            room.counts.update({name: said[name] for name in self.FACTS if name in said})
        extensions = answer.get("extensions", {})
        for entry in extensions.get("account_data", {}).get("global", []):
            self.account[entry["type"]] = entry["content"]
        for id, entries in extensions.get("account_data", {}).get("rooms", {}).items():
            self.rooms.setdefault(id, Room()).account.update((entry["type"], entry["content"]) for entry in entries)
        for id, entry in extensions.get("receipts", {}).get("rooms", {}).items():
            self.rooms.setdefault(id, Room()).receipts.update(receipts_of([entry]))

    async def difference(self) -> str:
        fresh = Sliding(self.port, self.token, self.flight)
        answer = await self.ask("POST", f"{self.PATH}?timeout=0", {"conn_id": "fresh", **self.BODY})
        fresh.take(answer)
        if self.account != fresh.account:
            return f"account data: {self.account} instead of {fresh.account}"
        if self.rooms.keys() != fresh.rooms.keys():
            return f"rooms: {sorted(self.rooms)} instead of {sorted(fresh.rooms)}"
        return next((f"{id}: {text}" for id, room in self.rooms.items() if (text := room.difference(fresh.rooms[id], 10))), "")


class Console(Follower):
    """The desk's event stream, taken up again with the last id after each end of it."""

    def __init__(self, *context):
        super().__init__(*context)
        self.last = ""
        self.items: dict[str, list[dict]] = {}
        self.conversations: dict[str, dict] = {}
        self.begun = asyncio.Event()
        self.stream: Wire | None = None

    async def _run(self) -> None:
        try:
            while not self.holds:
                try:
                    await self.listen()
                except (OSError, EOFError):
                    await asyncio.sleep(0.02)
                finally:
                    if self.stream:
                        self.stream.close()
        except Exception as problem:            # told by the story
            self.problem = f"Console: {problem!r}"

    async def listen(self) -> None:
        self.stream = wire = Wire(self.port, self.token)
        await wire.open()
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self.last} if self.last else {})
        wire.writer.write(wire.head("GET", DESK + "/stream", None, headers))
        head = await wire.reader.readuntil(b"\r\n\r\n")
        if int(head[9:12]) >= 500:
            raise EOFError
        if int(head[9:12]) != 200:
            raise Problem(f"the stream: {head[:200]!r}")
        frame: dict[str, str] = {}
        buffer = b""
        while True:
            size = int((await wire.reader.readuntil(b"\r\n")).strip(), 16)
            if size == 0:
                raise EOFError
            buffer += await wire.reader.readexactly(size)
            await wire.reader.readexactly(2)
            while b"\n" in buffer:
                line, buffer = buffer.split(b"\n", 1)
                if line:
                    key, _, value = line.decode().partition(": ")
                    frame[key] = value
                elif frame:
                    self.take(frame)
                    frame = {}

    def take(self, frame: dict[str, str]) -> None:
        kind = frame.get("event", "")
        if kind == "hello" and not self.last:
            self.last = str(json.loads(frame["data"])["position"])
            self.begun.set()
        elif kind == "reset":
            raise Problem("the stream says that it has a gap")
        if "id" not in frame:
            return
        if int(frame["id"]) <= int(self.last):
            raise Problem(f"the stream gave {frame['id']} after {self.last}")
        self.last = frame["id"]
        data = json.loads(frame["data"])
        if kind in ("message.created", "note.created", "system.created"):
            self.items.setdefault(data["conversation_id"], []).append(data["item"])
        elif kind == "conversation.updated":
            self.conversations[data["conversation"]["id"]] = data["conversation"]

    async def hold(self) -> None:
        self.holds = True
        if self.stream:
            self.stream.close()
        if self.task:
            self.task.cancel()
            try:
                await self.task
            except asyncio.CancelledError:
                pass                            # that is what was asked for
        if self.problem:
            raise Problem(self.problem)

    async def reaches(self, conversation: str, items: list[int], version: dict) -> str:
        """Waits a moment until it knows these items and this state."""
        deadline = time.monotonic() + 10
        while True:
            mine = [item["id"] for item in self.items.get(conversation, [])]
            state = self.conversations.get(conversation, {})
            wrong = [key for key in version if state.get(key) != version[key]]
            if mine == items and not wrong:
                return ""
            if self.problem:
                raise Problem(self.problem)
            if time.monotonic() > deadline:
                if mine != items:
                    at = next((n for n, (a, b) in enumerate(zip(mine, items)) if a != b), min(len(mine), len(items)))
                    return f"items from number {at}: {mine[at:at + 5]} instead of {items[at:at + 5]}"
                return ", ".join(f"{key}: {state.get(key)} instead of {version[key]}" for key in wrong[:3])
            await asyncio.sleep(0.01)
