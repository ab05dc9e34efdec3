"""The load, and the ledger of what was acknowledged.

Everybody does as a careful client does: one thing at a time, and after a lost answer or a 503 the same again, under the same transaction id,
until it is taken. Whatever else an answer says is a problem, and ends the run.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from urllib.parse import quote

from .wire import Flight, Lost, Wire

C3 = "/_matrix/client/v3"
DESK = "/_comptoir/desk/v1"
PATIENCE = 60


class Act:
    """A stretch of a run: rooms of its own, and what was acknowledged in them."""

    def __init__(self, number: int):
        self.number = number
        self.room = ""
        self.conversation = self.served = ""    # two conversations of the desk: the first is handed about, in the second people talk
        self.served_room = ""
        self.messages: list[dict[str, str]] = []            # by sender: text -> event id, in order
        self.read: dict[str, tuple[str, str]] = {}          # user -> event of his last receipt, and of his last marker
        self.account: dict[str, int] = {}                   # user -> his last number in the account data of the room
        self.states: dict[str, int] = {}                    # state key -> number
        self.to_device: list[list[str]] = []                # by sender, in order
        self.uploads: list[tuple[str, bytes]] = []
        self.notes: list[str] = []
        self.said: list[list[str]] = [[], []]               # by the agent, by the customer
        self.sealed_room = ""
        self.sealed: list[list[str]] = []                   # by the two who encrypt
        self.assignments: list[str] = []
        self.priority = ""
        self.seen_uploads = 0


class Gate:
    """Lets everybody go on, or holds them between two things."""

    def __init__(self):
        self.open = asyncio.Event()
        self.open.set()


class Doer:
    def __init__(self, port: int, token: str, gate: Gate, flight: Flight, pace: float):
        self.wire = Wire(port, token, flight)
        self.gate, self.pace = gate, pace
        self.count = self.refused = self.lost = 0
        self.refusals: dict[str, int] = {}
        self.idle = asyncio.Event()
        self.problem = ""
        self.task: asyncio.Task | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            while True:
                if not self.gate.open.is_set():
                    self.idle.set()
                    await self.gate.open.wait()
                    self.idle.clear()
                await self.step(self.count)
                self.count += 1
                if self.pace:
                    await asyncio.sleep(self.pace)
        except Problem as problem:
            self.problem = str(problem)
        except Exception as problem:            # told by the story, which looks at `problem`
            self.problem = f"{type(self).__name__}: {problem!r}"
        finally:
            self.idle.set()
            self.wire.close()

    async def step(self, n: int) -> None:
        raise NotImplementedError

    async def do(self, method: str, path: str, body=None, also: tuple[int, ...] = (), **headers: str) -> dict:
        """Asks until the answer is a 2xx, or one of `also`."""
        deadline = time.monotonic() + PATIENCE
        last = ""
        while True:
            try:
                status, answer = await self.wire.ask(method, path, body, **headers)
                if 200 <= status < 300 or status in also:
                    return json.loads(answer) if answer else {}
                last = f"{status} {answer[:300]!r}"
                try:
                    said = json.loads(answer)
                except ValueError:
                    raise Problem(f"{method} {path}: {last}") from None
                if status < 500 or status == 500 != self.wire.flight.worst or not (said.get("errcode") or said.get("code")):
                    raise Problem(f"{method} {path}: {last}")
                self.refused += 1
                self.refusals[str(status)] = self.refusals.get(str(status), 0) + 1
                await asyncio.sleep(0.02)
            except Lost as problem:
                self.lost += 1
                last = str(problem)
                await asyncio.sleep(0.02)
            if time.monotonic() > deadline:
                raise Problem(f"{method} {path}: nothing for {PATIENCE} s, at last {last}")


class Problem(Exception):
    pass


class Sender(Doer):
    """Writes, and now and then reads, keeps a marker, changes a state, and writes to the watcher's device."""

    def __init__(self, act: Act, number: int, user: str, watcher: tuple[str, str], *context):
        super().__init__(*context)
        self.act, self.number, self.user, self.watcher = act, number, user, watcher
        self.receipts = 0
        act.messages.append({})
        act.to_device.append([])

    async def step(self, n: int) -> None:
        act, room, me = self.act, self.act.room, self.user
        text = f"{act.number}:{self.number}:{n}"
        event = (await self.do("PUT", f"{C3}/rooms/{room}/send/m.room.message/{text}", {"msgtype": "m.text", "body": text}))["event_id"]
        act.messages[self.number][text] = event
        if n % 4 == 0:
            await self.do("POST", f"{C3}/rooms/{room}/receipt/m.read/{event}", {})
            act.read[me] = (event, act.read.get(me, ("", ""))[1])
            self.receipts += 1
        if n % 9 == 3:
            await self.do("POST", f"{C3}/rooms/{room}/read_markers", {"m.fully_read": event, "m.read": event})
            act.read[me] = (event, event)
            self.receipts += 1
        if n % 9 == 5:
            await self.do("PUT", f"{C3}/user/{me}/rooms/{room}/account_data/org.example.count", {"n": n})
            act.account[me] = n
        if n % 9 == 7:
            await self.do("PUT", f"{C3}/rooms/{room}/state/org.example.count/{self.number}", {"n": n})
            act.states[str(self.number)] = n
        if n % 5 == 1:
            user, device = self.watcher
            await self.do("PUT", f"{C3}/sendToDevice/org.example.news/{text}", {"messages": {user: {device: {"text": text}}}})
            act.to_device[self.number].append(text)


class Uploader(Doer):
    def __init__(self, act: Act, seed: int, *context):
        super().__init__(*context)
        self.act, self.chance = act, random.Random(seed)

    async def step(self, n: int) -> None:
        content = self.chance.randbytes(self.chance.choice([10, 10, 3_000, 3_000, 20_000, 200_000]))
        kind = {"Content-Type": "application/octet-stream"}
        if n % 3:
            address = (await self.do("POST", "/_matrix/media/v3/upload", content, **kind))["content_uri"]
        else:
            # The address first. If it has its content already, the answer to that was lost.
            address = (await self.do("POST", "/_matrix/media/v1/create", {}))["content_uri"]
            await self.do("PUT", "/_matrix/media/v3/upload/" + address.removeprefix("mxc://"), content, also=(409,), **kind)
        self.act.uploads.append((address, content))


class Agent(Doer):
    """Hands a conversation about, writes notes on it, and answers a customer in the other one."""

    def __init__(self, act: Act, agents: tuple[str, str], *context):
        super().__init__(*context)
        self.act, self.agents = act, agents

    async def step(self, n: int) -> None:
        act = self.act
        at = f"{DESK}/conversations/{act.conversation}"
        await self.do("POST", at + "/notes", {"key": f"note-{n}", "body": f"note {n}"})
        act.notes.append(f"note {n}")
        if n % 2 == 0:
            agent = self.agents[n // 2 % 2]
            await self.do("POST", at + "/assign", {"agent": agent})
            act.assignments.append(agent)
        if n % 3 == 0:
            priority = "high" if n % 2 else "normal"
            await self.do("PUT", at + "/priority", {"priority": priority})
            act.priority = priority
        await self.do("POST", f"{DESK}/conversations/{act.served}/messages", {"key": f"said-{n}", "type": "text", "body": f"agent {n}"})
        act.said[0].append(f"agent {n}")


class Customer(Doer):
    def __init__(self, act: Act, *context):
        super().__init__(*context)
        self.act = act

    async def step(self, n: int) -> None:
        act = self.act
        await self.do("PUT", f"{C3}/rooms/{quote(act.served_room)}/send/m.room.message/c{n}", {"msgtype": "m.text", "body": f"customer {n}"})
        act.said[1].append(f"customer {n}")
