"""One run: a server on one database, people who use it, faults by a seed, and after each what must still be true."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import json
import os
import pathlib
import random
import shutil
import signal
import tempfile
import time
import uuid
from urllib.parse import quote

import postgres
import shop
from server import Person, Server, run

from .doers import C3, DESK, Act, Agent, Customer, Doer, Gate, Problem, Sender, Uploader
from .faults import KINDS, Kind
from .followers import Classic, Console, Follower, Sliding
from .outside import REGISTRATION, Outside
from .shim import Shim
from .strangers import Sealed, SealedSender, Stranger, StrangeFollower, StrangeSender
from .wire import Flight, Proxy, Wire

SENDERS = 4
GROUP = 12
"""Faults that end nothing are checked after so many of one kind."""


@dataclasses.dataclass
class Row:
    """What one kind of fault has done."""
    injected: int = 0
    missed: int = 0             # planned, but nothing came by that it could hit
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    differing: int = 0          # a client's state differs from a new one's
    seconds: float = 0          # with the checks
    acknowledged: collections.Counter = dataclasses.field(default_factory=collections.Counter)

    @property
    def bad(self) -> int:
        return self.lost + self.doubled + self.disordered + self.differing


class Story:
    def __init__(self, database: str, seed: int, faults: int, kinds: list[str] | None = None, act: int = 250, pace: float = 0.02, minutes: float = 0,
                 say=lambda text: None):
        self.minutes = minutes
        self.database, self.seed, self.faults, self.act_length, self.pace, self.say = database, seed, faults, act, pace, say
        self.kinds = [kind for kind in KINDS if getattr(kind, database) and (not kinds or kind.name in kinds)]
        self.rows: dict[str, Row] = {kind.name: Row() for kind in self.kinds}
        self.row = Row()
        self.problems: list[str] = []
        self.starts: list[float] = []
        self.flight, self.gate = Flight(), Gate()
        self.acts: list[Act] = []
        self.doers: list[Doer] = []
        self.followers: list[Follower] = []
        self.refusals: collections.Counter = collections.Counter()
        self.lost_answers = self.sliding_restarts = 0
        self.server: shop.Shop
        self.cluster: postgres.Cluster | None = None
        self.database_shim: Shim | None = None

    # --- the plan -------------------------------------------------------------------------------------------------------------------

    def plan(self) -> list[tuple[Kind, int]]:
        """Groups of faults of one kind. The same seed gives the same plan."""
        chance = random.Random(f"plan {self.database} {self.seed}")
        total = sum(getattr(kind, self.database) for kind in self.kinds)
        groups: list[tuple[Kind, int]] = []
        exact = [(kind, self.faults * getattr(kind, self.database) / total) for kind in self.kinds]
        counts = {kind.name: int(share) for kind, share in exact}
        for kind, share in sorted(exact, key=lambda entry: entry[1] % 1, reverse=True)[:self.faults - sum(counts.values())]:
            counts[kind.name] += 1
        for kind, _ in exact:
            left = counts[kind.name]
            while left > 0:
                size = 1 if kind.crashes else min(left, chance.randint(1, GROUP))
                groups.append((kind, size))
                left -= size
        chance.shuffle(groups)
        return groups

    # --- the run --------------------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        self.chance = random.Random(f"faults {self.database} {self.seed}")
        directory = pathlib.Path(tempfile.mkdtemp(prefix="comptoir-underfire-"))
        os.chmod(directory, 0o755)
        began = time.monotonic()
        try:
            await self._set_up(directory)
            try:
                await self._burn(began)
                await self._end()
            except Problem as problem:
                self._bad("problem", str(problem))
            except Exception as problem:        # a fault of this program or an assertion of its parts: told with the rest
                self._bad("problem", repr(problem))
                if not self.problems or os.environ.get("COMPTOIR_UNDERFIRE_TRACE"):
                    raise
        finally:
            await self._take_down()
            if self.problems:
                self.problems.append("the end of the server's log:\n" + self.server.tail(12))
            if self.problems and os.environ.get("COMPTOIR_UNDERFIRE_KEEP"):
                self.say(f"kept: {directory} and {self.server.directory}")
            else:
                self.server.remove()
                shutil.rmtree(directory, ignore_errors=True)
        self.seconds = time.monotonic() - began

    async def _set_up(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self.outside = await Outside().start()
        (directory / "witness.yaml").write_text(REGISTRATION.format(port=self.outside.service_port))
        url = None
        if self.database == "postgres":
            self.database_shim = Shim(directory / "postgres" / "data")
            self.cluster = await asyncio.to_thread(postgres.Cluster(directory / "postgres", self.database_shim.environment).start)
            url = self.cluster.url
        self.server = shop.Shop("--appservice", str(directory / "witness.yaml"), database=url)
        self.shim = Shim(pathlib.Path(os.path.realpath(self.server.directory)) / "data")
        self.shim.ports(self.server.port, self.cluster.port if self.cluster else 0, self.outside.push_port, self.outside.service_port)
        self.server.environment.update(self.shim.environment)
        self.proxy = await Proxy(self.server.port).start()
        await asyncio.to_thread(self.server.__enter__)
        self.anna = self.server.anna
        self.karim = await asyncio.to_thread(self.server.agent, "karim", "Karim")

    async def _burn(self, began: float) -> None:
        groups, done, spoken = self.plan(), 0, time.monotonic()
        wanted = sum(size for _, size in groups)
        retries = 0
        act_end = 0
        while groups and not (self.minutes and time.monotonic() - began > self.minutes * 60):
            if done >= act_end:
                if self.acts:
                    await self._end_act()
                await self._begin_act()
                act_end = done + self.act_length
            kind, size = groups.pop(0)
            self.row = row = self.rows[kind.name]
            missed, start = 0, time.monotonic()
            for _ in range(size):
                await asyncio.sleep(self.chance.uniform(0, 0.02))
                if await kind.inject(self, self.chance):
                    row.injected += 1
                    done += 1
                else:
                    row.missed += 1
                    missed += 1
                self._look(kind)
            await self.check()
            row.seconds += time.monotonic() - start
            if missed and retries < wanted // 2 + 10:
                retries += 1
                groups.insert(self.chance.randint(0, len(groups)), (kind, missed))     # it shall hit yet
            if self.problems:
                raise Problem(f"the last fault was: {kind.name}")
            if time.monotonic() - spoken > 10:
                spoken = time.monotonic()
                pace = done / (spoken - began)
                self.say(f"{done} of {wanted} faults, {pace:.1f}/s, about {(wanted - done) / pace / 60:.0f} min to go; "
                         f"{sum(sum(len(m) for m in act.messages) for act in self.acts)} messages; {sum(row.bad for row in self.rows.values())} bad")
        await self._end_act()

    def _look(self, kind: Kind) -> None:
        """The server lives, and nobody has met what must not be."""
        if not self.server.alive():
            raise Problem(f"{kind.name}: the server ended by itself with {self.server.process.returncode}\n{self.server.tail()}")
        for someone in [*self.doers, *self.followers]:
            if someone.problem:
                raise Problem(f"{kind.name}: {someone.problem}")

    async def comes_back(self) -> None:
        """After the end of the server: it starts again. It must have died of the signal, not of a fault of its own."""
        code = self.server.process.wait()
        if code != -signal.SIGKILL:
            raise Problem(f"the server ended by itself with {code}\n{self.server.tail()}")
        await asyncio.to_thread(self.server.start)
        self.starts.append(self.server.start_seconds)

    async def starts_badly(self, died: bool) -> bool:
        """A start with faults armed: it ends in one of the allowed ways, and the next start is as usual."""
        before = self.shim.hits()
        try:
            await asyncio.to_thread(self.server.start)
        except RuntimeError:
            code = self.server.process.returncode
            if code not in ((-signal.SIGKILL,) if died else (1,)):
                raise Problem(f"a start ended with {code}\n{self.server.tail()}") from None
        self.shim.disarm()
        hit = self.shim.hits() > before
        if hit and died and self.server.alive():
            self.server.kill()                  # it began to listen an instant before
        if not self.server.alive():
            await asyncio.to_thread(self.server.start)
            self.starts.append(self.server.start_seconds)
        return hit

    async def migrates_over_a_crash(self, chance: random.Random) -> bool:
        """A new server dies while it makes its tables. The next start finishes them."""
        def tell() -> bool:
            with tempfile.TemporaryDirectory(prefix="comptoir-new-") as place:
                if not self.cluster:
                    return self._migrate(chance, pathlib.Path(place), None)
                with self.cluster.database(f"new_{uuid.uuid4().hex[:12]}") as url:
                    return self._migrate(chance, pathlib.Path(place), url)
        return await asyncio.to_thread(tell)

    def _migrate(self, chance: random.Random, place: pathlib.Path, url: str | None) -> bool:
        server = Server(database=url)
        shim = Shim(pathlib.Path(os.path.realpath(server.directory)) / "data")
        shim.ports(server.port, self.cluster.port if self.cluster else 0)
        server.environment.update(shim.environment)
        try:
            calls, where = (("send",), ("server",)) if url else (("write", "sync", "truncate"), ("log", "database"))
            for _ in range(2):
                shim.arm(chance.choice(("kill before", "kill after", "kill half")), calls, where, skip=chance.randrange(250 if url else 120))
                try:
                    server.start()
                except RuntimeError:
                    if server.process.returncode != -signal.SIGKILL:
                        raise Problem(f"a first start ended with {server.process.returncode}\n{server.tail()}") from None
                shim.disarm()
                server.kill()
            hit = shim.hits() > 0
            server.start()
            person = server.register()
            event = person.send(person.create_room(), "hello")
            if event not in json.dumps(person.sync()):
                raise Problem("a server that was killed in its first start does not work")
            self._doctor(server, url)
            return hit
        finally:
            shim.close()
            server.remove()

    @staticmethod
    def _doctor(server: Server, url: str | None) -> None:
        """The product's own examination: schema, integrity, and each file against its hash."""
        done = run("doctor", "--deep", "--json", "--data", str(server.data), "--listen", f"127.0.0.1:{server.port}", *(["--database", url] if url else []), timeout=300)
        findings = json.loads(done.stdout)
        if not any("The database is sound" in finding["what"] for finding in findings):
            raise Problem(f"the doctor does not find the database sound: {done.stdout[-800:]}")
        if failed := [finding["what"] for finding in findings if finding["verdict"] == "fail"]:
            raise Problem(f"the doctor finds: {failed}")

    # --- acts -----------------------------------------------------------------------------------------------------------------------

    async def _begin_act(self) -> None:
        """New people, a new room and two new conversations: what a check looks at stays small."""
        self.act = act = Act(len(self.acts))
        self.acts.append(act)
        crowd, watcher, customers, sealed = await asyncio.to_thread(self._people, act)
        port = self.proxy.port
        self.watcher, self.crowd = watcher, crowd
        self.direct = Wire(self.server.port)

        def joins(person) -> tuple:
            return (port, person.token, self.gate, self.flight, self.pace)

        def session(person) -> tuple[str, str, str]:
            return (person.id, person.device, person.token)

        stranger = Stranger(port, session(crowd[-1]), self.flight)
        self.sealed = []
        for person in sealed:
            place = self.directory / "keys" / person.name
            place.mkdir(parents=True)
            self.sealed.append(Sealed(Stranger(port, session(person), self.flight, place)))
        self.doers = [
            *(Sender(act, n, person.id, (watcher.id, watcher.device), *joins(person)) for n, person in enumerate(crowd[:-1])),
            StrangeSender(act, SENDERS, stranger, (watcher.id, watcher.device), *joins(crowd[-1])),
            *(SealedSender(act, n, follower, (other.id, other.device), *joins(other)) for n, (follower, other) in enumerate(zip(self.sealed, sealed[::-1]))),
            Uploader(act, self.seed * 1000 + act.number, *joins(crowd[0])),
            Agent(act, self.agents, *joins(self.anna)),
            Customer(act, *joins(customers[1])),
        ]
        self.classic = Classic(port, watcher.token, self.flight)
        self.second = Classic(port, crowd[0].token, self.flight)
        self.sliding = [Sliding(port, person.token, self.flight) for person in (watcher, crowd[1])]
        self.console = Console(port, self.anna.token, self.flight)
        self.strange = StrangeFollower(stranger)
        self.followers = [self.classic, self.second, *self.sliding, self.strange, *self.sealed, self.console]
        for follower in [*self.followers[:-1], *self.sealed]:        # a second time, when each has told its keys
            await follower.settle()
        # What a check has seen already.
        self.mark, self.taken = self.classic.since, [len(timeline) for timeline in self._timelines().values()]
        self.next_number = [0] * len(act.messages)
        self.checks = 0
        self.history: list[str] = []
        self.last_states: dict[str, tuple[str, int]] = {}
        self.desk_items: dict[str, list[dict]] = {act.conversation: [], act.served: []}
        self.checked = collections.Counter(pushes=len(self.outside.pushed), told=len(self.outside.told))
        # The stream begins at its first position: what both conversations hold by now is read once.
        self.console.start()
        await asyncio.wait_for(self.console.begun.wait(), 20)
        await self._read_desk()
        self.before = {id: len(items) for id, items in self.desk_items.items()}
        self.console.items = {id: list(items) for id, items in self.desk_items.items()}
        self.gate.open.set()
        for someone in [*self.doers, *self.followers[:-1]]:
            someone.start()

    def _people(self, act: Act):
        server = self.server
        crowd = [server.register(f"crowd{act.number}-{n}") for n in range(SENDERS + 1)]     # the last one has matrix-nio
        sealed = [server.register(f"sealed{act.number}-{n}") for n in range(2)]
        act.sealed_room = sealed[0].create_room(preset="public_chat", name="sealed", initial_state=[
            {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}])
        sealed[1].join(act.sealed_room)
        watcher = server.register(f"watcher{act.number}")
        act.room = self.anna.create_room(preset="public_chat", name=f"act {act.number}", power_level_content_override={"events": {"org.example.count": 0}})
        for person in [*crowd, watcher]:
            person.join(act.room)
        watcher.call("POST", C3 + "/pushers/set", {
            "kind": "http", "app_id": "org.example.underfire", "pushkey": f"key {act.number}", "app_display_name": "x", "device_display_name": "x", "lang": "en",
            "data": {"url": f"http://127.0.0.1:{self.outside.push_port}/_matrix/push/v1/notify", "format": "event_id_only"}, "append": False})
        customers = []
        for n in range(2):
            person = shop.Agent(server, f"visitor{n}", "")
            person.token = person.call("POST", "/_comptoir/widget/v1/session", {"inbox": server.inbox["key"], "language": "fr"}, token=False)["access_token"]
            person.call("POST", "/_comptoir/widget/v1/conversations", {
                "inbox": server.inbox["key"], "txn_id": str(uuid.uuid4()), "content": {"msgtype": "m.text", "body": "Bonjour"}})
            customers.append(person)
        newest = sorted(self.anna.conversations(), key=lambda conversation: conversation["number"])[-2:]
        act.conversation, act.served = (conversation["id"] for conversation in newest)
        act.served_room = newest[1]["room_id"]
        self.anna.say(act.conversation, "What can I do for you?")       # so that nobody waits: a conversation that waits may go back into the queue
        owner = self.anna.desk("GET", f"/conversations/{act.conversation}")["assignee"]
        self.agents = (self.karim.id, self.anna.id) if owner and owner["id"] == self.anna.id else (self.anna.id, self.karim.id)
        return crowd, watcher, customers, sealed

    async def _end_act(self) -> None:
        await self.check(goes_on=False)
        await self._outbox()
        for someone in [*self.doers, *self.followers]:
            someone.task.cancel()
            someone.wire.close()
        await self._send_strangers_home()
        for someone in self.doers:
            self.refusals.update(someone.refusals)
            self.lost_answers += someone.lost
        self.sliding_restarts += sum(follower.restarts for follower in self.sliding)
        self.act.history = self.history
        self.act.desk_items = self.desk_items
        self.direct.close()
        self.doers, self.followers = [], []
        if self.problems:
            raise Problem("at the end of an act")

    async def _send_strangers_home(self) -> None:
        for follower in self.followers:
            if isinstance(follower, StrangeFollower):
                await follower.client.close()

    # --- checks ---------------------------------------------------------------------------------------------------------------------

    def _bad(self, what: str, text: str) -> None:
        if what in ("lost", "doubled", "disordered", "differing"):
            setattr(self.row, what, getattr(self.row, what) + 1)
        self.problems.append(f"{what}: {text}" if what != "problem" else text)

    async def _quiet(self) -> None:
        self.gate.open.clear()
        for someone in self.doers:
            try:
                await asyncio.wait_for(someone.idle.wait(), 90)
            except TimeoutError:
                raise Problem(f"{type(someone).__name__} is not done with what it began\n{self.server.tail()}") from None
            if someone.problem:
                raise Problem(someone.problem)

    async def check(self, goes_on: bool = True) -> None:
        """Holds everybody, and compares what is there with what was acknowledged and with what each client has put together."""
        await self._quiet()
        self.flight.worst = 503
        self.direct.close()                     # it may be of a server that is gone
        await asyncio.gather(*(follower.hold() for follower in self.followers[:-1]))
        for follower in self.followers[:-1]:
            await follower.settle()
            if difference := await follower.difference():
                self._bad("differing", f"{type(follower).__name__}: {difference}")
        await self._messages()
        await self._secrets()
        await self._personal()
        await self._uploads()
        await self._desk()
        for text in self.outside.problems:
            self.problems.append(text)
        self.row.doubled += self.outside.doubled
        self.row.disordered += self.outside.disordered
        self._count()
        if goes_on:
            self.gate.open.set()
            for follower in self.followers[:-1]:
                follower.go_on()

    def _count(self) -> None:
        act = self.act
        now = collections.Counter(
            messages=sum(map(len, act.messages)), receipts=sum(doer.receipts for doer in self.doers if isinstance(doer, (Sender, StrangeSender))), uploads=len(act.uploads),
            notes=len(act.notes), assignments=len(act.assignments), to_device=sum(map(len, act.to_device)), said=sum(map(len, act.said)),
            sealed=sum(map(len, act.sealed)), strange=len(act.messages[SENDERS]), pushes=len(self.outside.pushed), told=len(self.outside.told))
        self.row.acknowledged.update(now - self.checked)
        self.checked = now

    async def ask(self, token: str, path: str) -> dict:
        status, answer = await self._ask(token, path)
        if status != 200:
            raise Problem(f"{path}: {status} {answer[:300]!r}")
        return json.loads(answer)

    async def _ask(self, token: str, path: str) -> tuple[int, bytes]:
        """Asks past the proxy. A connection to the database that has not been needed since it was lost may still be on its way."""
        self.direct.token = token
        deadline = time.monotonic() + 60
        while True:
            status, answer = await self.direct.ask("GET", path)
            if status != 503 or time.monotonic() > deadline:
                return status, answer
            await asyncio.sleep(0.05)

    def _timelines(self) -> dict[str, list[str]]:
        """What two clients have seen of the room, each by its own library."""
        return {"the watcher": [event["event_id"] for event in self.classic.rooms[self.act.room].timeline],
                "matrix-nio": [event.event_id for event in self.strange.timelines[self.act.room]]}

    async def _messages(self) -> None:
        """What the room has got since the last check: each acknowledged message once, in the order of its sender, as the watcher saw it."""
        act = self.act
        events, token = [], self.mark
        while token:
            page = await self.ask(self.watcher.token, f"{C3}/rooms/{act.room}/messages?dir=f&limit=500&from={token}")
            events += page["chunk"]
            token = page.get("end") if page["chunk"] else None
        stored = [event["event_id"] for event in events]
        for n, (name, timeline) in enumerate(self._timelines().items()):
            seen, self.taken[n] = timeline[self.taken[n]:], len(timeline)
            if seen != stored:
                at = next((n for n, (a, b) in enumerate(zip(seen, stored)) if a != b), min(len(seen), len(stored)))
                self._bad("differing", f"{name} saw other events than there are, from number {at} of {len(seen)} and {len(stored)}: {seen[at:at + 3]} instead of {stored[at:at + 3]}")
        self.mark = self.classic.since
        for event in events:
            if event["type"] == "org.example.count":
                self.last_states[event["state_key"]] = (event["event_id"], event["content"]["n"])
            if event["type"] != "m.room.message":
                continue
            self.history.append(event["event_id"])
            text = event["content"]["body"]
            _, sender, n = map(int, text.split(":"))
            if n < self.next_number[sender]:
                self._bad("doubled", f"message {text} is there again")
                continue
            if n > self.next_number[sender]:
                self._bad("disordered" if any(e["content"].get("body") == f"{act.number}:{sender}:{self.next_number[sender]}" for e in events) else "lost",
                          f"after message {self.next_number[sender] - 1} of sender {sender} comes {n}")
            if act.messages[sender].get(text) != event["event_id"]:
                self._bad("lost", f"message {text} is there as {event['event_id']}, acknowledged was {act.messages[sender].get(text)}")
            self.next_number[sender] = n + 1
        for sender, messages in enumerate(act.messages):
            if len(messages) != self.next_number[sender]:
                self._bad("lost", f"sender {sender}: {len(messages)} messages were acknowledged, {self.next_number[sender]} are there")

    async def _secrets(self) -> None:
        """Both who encrypt have read what either has said. Their programs end and start again now and then."""
        act = self.act
        for n, follower in enumerate(self.sealed):
            texts, locked = follower.read(act.sealed_room)
            if locked:
                self._bad("lost", f"the key of {locked[:3]}, {len(locked)} in all, has not come to {follower.client.user_id}")
            for sender, said in enumerate(act.sealed):
                found = [text for text in texts if text.startswith(f"sealed {sender}:")]
                if found != said:
                    self._bad(*_compare(found, said, f"what {follower.client.user_id} can read of {sender}"))
            if self.checks % 7 == 3 * n + 2:
                await follower.restart()
        self.checks += 1

    async def _personal(self) -> None:
        """Receipts, markers, account data, states and messages to devices: the last acknowledged ones."""
        act, fresh = self.act, self.classic.fresh.rooms[self.act.room]
        for person in self.crowd:
            event, marker = act.read.get(person.id, ("", ""))
            if event and (found := fresh.receipts.get(("m.read", person.id, None))) != event:
                self._bad("lost", f"the receipt of {person.id} is at {found}, acknowledged was {event}")
            mine = f"{C3}/user/{person.id}/rooms/{act.room}/account_data/"
            if marker and (found := (await self.ask(person.token, mine + "m.fully_read"))["event_id"]) != marker:
                self._bad("lost", f"the marker of {person.id} is at {found}, acknowledged was {marker}")
            if person.id in act.account and (found := (await self.ask(person.token, mine + "org.example.count"))["n"]) != act.account[person.id]:
                self._bad("lost", f"the account data of {person.id} is {found}, acknowledged was {act.account[person.id]}")
        for key, n in act.states.items():
            event, found = self.last_states.get(key, ("", -1))
            if found != n or fresh.state.get(("org.example.count", key)) != event:
                self._bad("lost", f"the state {key} is {found}, acknowledged was {n}")
        news = collections.defaultdict(list)
        for text in self.classic.to_device:
            news[int(text.split(":")[1])].append(text)
        for sender, texts in enumerate(act.to_device):
            if news[sender] != texts:
                self._bad(*_compare(news[sender], texts, f"messages of sender {sender} to a device"))

    async def _uploads(self) -> None:
        act = self.act
        for address, content in act.uploads[act.seen_uploads:]:
            await self._download(address, content)
        act.seen_uploads = len(act.uploads)

    async def _download(self, address: str, content: bytes) -> None:
        status, answer = await self._ask(self.watcher.token, "/_matrix/client/v1/media/download/" + address.removeprefix("mxc://"))
        if status != 200 or answer != content:
            self._bad("lost", f"upload {address} of {len(content)} bytes: {status}, {len(answer)} bytes")

    async def _read_desk(self) -> None:
        for id, items in self.desk_items.items():
            while True:
                page = await self.ask(self.anna.token, f"{DESK}/conversations/{id}/timeline?limit=200&after={items[-1]['id'] if items else 0}")
                items += page["items"]
                if not page["more_after"]:
                    break

    async def _desk(self) -> None:
        act = self.act
        await self._read_desk()
        handed, talked = (self.desk_items[id][self.before[id]:] for id in (act.conversation, act.served))
        notes = [item["note"]["body"] for item in handed if item["kind"] == "note"]
        given = [item["system"]["data"]["to"] for item in handed if item["kind"] == "system" and item["system"]["data"].get("by") == self.anna.id and item["system"]["data"].get("to")]
        said = [[item["message"]["body"] for item in talked if item["kind"] == "message" and item["author"]["kind"] == kind]
                for kind in ("agent", "contact")]
        for found, wanted, name in ((notes, act.notes, "notes"), (given, act.assignments, "assignments"), (said[0], act.said[0], "messages of the agent"),
                                    (said[1], act.said[1], "messages of the customer")):
            if found != wanted:
                self._bad(*_compare(found, wanted, name))
        for id in self.desk_items:
            state = await self.ask(self.anna.token, f"{DESK}/conversations/{id}")
            if id == act.conversation and act.assignments and state["assignee"]["id"] != act.assignments[-1]:
                self._bad("lost", f"the conversation is with {state['assignee']}, acknowledged was {act.assignments[-1]}")
            if id == act.conversation and act.priority and state["priority"] != act.priority:
                self._bad("lost", f"the priority is {state['priority']}, acknowledged was {act.priority}")
            if act.notes:
                known = {key: state[key] for key in ("status", "priority", "assignee", "message_count", "last_message", "waiting_since", "tags")}
                if difference := await self.console.reaches(id, [item["id"] for item in self.desk_items[id]], known):
                    self._bad("differing", f"the console: {difference}")

    async def _outbox(self) -> None:
        """What was written down to leave the server has left it: each once, in order. Waits as long as the pauses after failures last."""
        mine = set(self.history)
        for name in ("told", "pushed"):
            deadline = time.monotonic() + 150
            while [event for event in getattr(self.outside, name)[-50:] if event in mine][-1:] != self.history[-1:]:
                if time.monotonic() > deadline:
                    break
                await asyncio.sleep(0.05)
            found = [event for event in getattr(self.outside, name) if event in mine]
            if found != self.history:
                self._bad(*_compare(found, self.history, {"told": "events to the application service", "pushed": "notifications"}[name]))

    async def _end(self) -> None:
        """Everything once more, on a server that was started after an end in order."""
        self.shim.clock = 0
        if (code := await asyncio.to_thread(self.server.stop)) != 0:
            raise Problem(f"the server ended with {code}\n{self.server.tail()}")
        await asyncio.to_thread(self.server.start)
        await asyncio.to_thread(self._doctor, self.server, self.cluster.url if self.cluster else None)
        self.direct = Wire(self.server.port)
        for act in self.acts:
            history = [event["event_id"] for event in await asyncio.to_thread(self.anna.history, act.room, 1000) if event["type"] == "m.room.message"]
            if history != act.history:
                self._bad(*_compare(history, act.history, f"messages of act {act.number}"))
            for address, content in act.uploads:
                await self._download(address, content)
            self.desk_items = {id: [] for id in act.desk_items}
            await self._read_desk()
            if {id: [item["id"] for item in items] for id, items in self.desk_items.items()} != {id: [item["id"] for item in items] for id, items in act.desk_items.items()}:
                self._bad("lost", f"the conversations of act {act.number} hold other items than before")
        self.direct.close()

    async def _take_down(self) -> None:
        tasks = [someone.task for someone in [*self.doers, *self.followers] if someone.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._send_strangers_home()
        if hasattr(self, "server"):
            self.server.kill()
            if hasattr(self.server, "site"):
                self.server.site.close()
        for name in ("proxy", "outside", "shim", "database_shim"):
            if getattr(self, name, None):
                getattr(self, name).close()
        if self.cluster:
            await asyncio.to_thread(self.cluster.stop)


def _compare(found: list[str], wanted: list[str], name: str) -> tuple[str, str]:
    """What is wrong with a list, and in which way."""
    at = next((n for n, (a, b) in enumerate(zip(found, wanted)) if a != b), min(len(found), len(wanted)))
    what = "doubled" if len(set(found)) < len(found) and len(set(wanted)) == len(wanted) else "disordered" if sorted(found) == sorted(wanted) else \
        "lost" if len(found) < len(wanted) or set(wanted) - set(found) else "doubled"
    return what, f"{name}, from number {at} of {len(found)} and {len(wanted)}: {found[at:at + 4]} instead of {wanted[at:at + 4]}"
