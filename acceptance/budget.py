"""Counts what a server does for a message: SQL statements, allocations, system calls, hops between threads.

These figures do not depend on the machine or on what else runs on it, unlike times, and they are the same for the debug build from one run to the
next. See budget.c for how they are counted, bench/budget.json for what is allowed and docs/decisions/0028-budget-of-a-message.md for why.

    acceptance/budget.py              measures .build/debug/comptoir (or COMPTOIR_BIN) and prints the table
    acceptance/budget.py --write      the highest of three measurements becomes the budget, and the table of ARCHITECTURE.md
"""

from __future__ import annotations

import http.client
import json
import mmap
import os
import pathlib
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse

from server import BINARY, ROOT, Server, run

SOURCE = pathlib.Path(__file__).with_name("budget.c")
BUDGET = ROOT / "bench/budget.json"
COUNTERS = ["allocations", "bytes allocated", "bytes copied", "SQL statements", "rows", "reads", "writes", "file reads", "file writes", "fsyncs", "polls",
            "loop wake-ups", "thread signals", "tasks"]
# Functions of which calls are counted, by their mangled names.
FUNCTIONS = {
    "JSON parses": [r"\$s10MatrixCore10JSONParserV8document\w*"],
    "JSON encodes": [r"\$s10MatrixCore4JSONO7encoded\w*GyF", r"\$s10MatrixCore10JSONObjectV7encoded\w*GyF", r"\$s10MatrixCore10JSONObjectV9canonical\w*KF",
                     r"\$s10MatrixCore4JSONO9canonical\w*KF"],
    "writes handed to the writer": [r"\$s5Store6WriterC6submityyAA8WriteJobVF"],
    # By a reader's thread or on the spot: which of the two depends on how many are at it.
    "snapshots read": [r"\$s5Store10ReaderPoolC6submityyAA7ReadJobVF", r"\$s5Store10ReaderPoolC9runInline\w+lF"],
}
V3 = "/_matrix/client/v3"


class Counts:
    """The counters of one server, which must be started with `environment`."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="comptoir-budget-")
        library, file = (pathlib.Path(self.directory.name) / name for name in ("budget.so", "counts"))
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-fno-builtin", "-o", library, SOURCE, "-ldl"], check=True)
        file.write_bytes(bytes(4096))
        with open(file, "r+b") as opened:
            self.map = mmap.mmap(opened.fileno(), 4096)
        self.slots: list[str] = []
        addresses = []
        symbols = subprocess.run(["nm", str(BINARY)], capture_output=True, text=True, check=True).stdout
        for name, patterns in FUNCTIONS.items():
            for pattern in patterns:
                found = re.findall(rf"^([0-9a-f]+) [tT] {pattern}$", symbols, re.MULTILINE)
                assert len(found) <= 1, f"{pattern} names {len(found)} functions"
                self.slots.append(name)
                addresses.append(found[0] if found else "0")
        self.environment = {"LD_PRELOAD": str(library), "COMPTOIR_COUNTS": str(file), "COMPTOIR_COUNTED": ",".join(addresses)}

    def raw(self) -> tuple[int, ...]:
        return struct.unpack_from(f"={len(COUNTERS) + len(self.slots)}Q", self.map)

    def quiet(self) -> tuple[int, ...]:
        """Waits until the server does nothing more."""
        last, still, until = self.raw(), 0, time.monotonic() + 30
        while still < 4:
            assert time.monotonic() < until, "the server does not come to rest"
            time.sleep(0.001)
            now = self.raw()
            still = still + 1 if now == last else 0
            last = now
        return last

    def named(self, values) -> dict[str, float | None]:
        """Functions that stand for one thing added up; None where they cannot be counted in this build."""
        result: dict[str, float | None] = dict(zip(COUNTERS, values))
        countable = self.raw()
        for n, name in enumerate(self.slots, len(COUNTERS)):
            if countable[n] > 1 << 63:
                result[name] = None
            elif result.get(name, 0) is not None:
                result[name] = result.get(name, 0) + values[n]
        return result

    def each(self, times: int, action, warm: int = 10, divide: int = 1) -> dict[str, float | None]:
        """What one action makes the server do: the median, which what happens by the clock does not move."""
        taken = []
        for n in range(warm + times):
            before = self.quiet()
            action()
            after = self.quiet()
            if n >= warm:
                taken.append([(b - a) / divide for a, b in zip(before, after)])
        return self.named([statistics.median(column) for column in zip(*taken)])

    def close(self) -> None:
        self.map.close()
        self.directory.cleanup()


class Client:
    """One user with a connection for requests and one that waits."""

    def __init__(self, server: Server, name: str = "", **login):
        self.port, self.token, self.n = server.port, login.get("token", ""), 0
        self.asks, self.waits = (http.client.HTTPConnection("127.0.0.1", server.port, timeout=30) for _ in range(2))
        if name:
            answer = self.call("POST", f"{V3}/register", {"username": name, "password": "budget password", "auth": {"type": "m.login.dummy"}})
            self.token, self.id = answer["access_token"], answer["user_id"]

    def begin(self, connection: http.client.HTTPConnection, method: str, path: str, body: dict | None = None) -> None:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        connection.request(method, path, None if body is None else json.dumps(body), headers)

    @staticmethod
    def end(connection: http.client.HTTPConnection) -> dict:
        answer = connection.getresponse()
        data = answer.read()
        assert answer.status == 200, f"{answer.status} {data[:500]!r}"
        return json.loads(data)

    def call(self, method: str, path: str, body: dict | None = None) -> dict:
        self.begin(self.asks, method, path, body)
        return self.end(self.asks)

    def write(self, room: str) -> None:
        self.n += 1
        self.call("PUT", f"{V3}/rooms/{room}/send/m.room.message/{self.n}", {"msgtype": "m.text", "body": "the quick brown fox jumps over the lazy dog " * 3})

    def first_sync(self) -> None:
        self.since = self.call("GET", f"{V3}/sync?timeout=0&set_presence=offline")["next_batch"]
        self.wait()

    def wait(self) -> None:
        self.begin(self.waits, "GET", f"{V3}/sync?timeout=30000&set_presence=offline&since={self.since}")

    def hear(self, room: str) -> None:
        answer = self.end(self.waits)
        self.since = answer["next_batch"]
        assert len(answer["rooms"]["join"][urllib.parse.unquote(room)]["timeline"]["events"]) == 1, answer


def talk(counts: Counts, people: list[Client], times: int) -> dict[str, float | None]:
    """One of them writes, all of them hear it and wait again."""
    room = urllib.parse.quote(people[0].call("POST", f"{V3}/createRoom", {"preset": "public_chat"})["room_id"])
    for person in people[1:]:
        person.call("POST", f"{V3}/join/{room}", {})
    for person in people:
        person.first_sync()

    def message() -> None:
        people[0].write(room)
        for person in people:
            person.hear(room)
        for person in people:
            person.wait()

    found = counts.each(times, message)
    for person in people:   # they wait no longer
        person.waits.close()
    return found


def measure() -> dict[str, dict[str, float | None]]:
    counts, server = Counts(), Server()
    server.environment.update(counts.environment)
    try:
        with server:
            run("user", "create", "owner", "--admin", "--data", str(server.data), input="budget password\n")
            works = {"a message between two": talk(counts, [Client(server, f"p{n}") for n in range(2)], 60),
                     "a message in a room of ten": talk(counts, [Client(server, f"r{n}") for n in range(10)], 40)}

            ann, ben = Client(server, "ann"), Client(server, "ben")
            for n in range(10):
                room = urllib.parse.quote(ann.call("POST", f"{V3}/createRoom", {"preset": "public_chat", "name": f"room {n}"})["room_id"])
                ben.call("POST", f"{V3}/join/{room}", {})
                for _ in range(100 if n == 0 else 20):
                    ann.write(room)
                if n == 0:
                    long = room
            works["a first sync of 10 rooms with 20 messages"] = counts.each(7, lambda: ben.call("GET", f"{V3}/sync?timeout=0&filter=" + urllib.parse.quote(
                json.dumps({"room": {"timeline": {"limit": 20}, "state": {"lazy_load_members": True}}})))) 
            works["a message of a page of 100"] = counts.each(9, lambda: ben.call("GET", f"{V3}/rooms/{long}/messages?dir=b&limit=100"), divide=100)

            owner = Client(server)
            owner.token = owner.call("POST", f"{V3}/login", {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "owner"},
                                                               "password": "budget password"})["access_token"]
            inbox = owner.call("GET", "/_comptoir/desk/v1/me")["inboxes"][0]["key"]

            def customer() -> tuple[Client, str]:
                person = Client(server)
                person.token = person.call("POST", "/_comptoir/widget/v1/session", {"inbox": inbox, "lang": "fr"})["access_token"]
                room = person.call("POST", "/_comptoir/widget/v1/conversations", {"inbox": inbox, "txn_id": "first", "lang": "fr", "content": {"msgtype": "m.text", "body": "bonjour"}})["room_id"]
                return person, urllib.parse.quote(room)

            works["a new customer of the widget"] = counts.each(25, customer)
            person, room = customer()
            streams = []
            for _ in range(5):
                stream = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
                stream.request("GET", "/_comptoir/desk/v1/stream", headers={"Authorization": f"Bearer {owner.token}"})
                streams.append(stream.getresponse())

            def update() -> None:
                person.write(room)
                for stream in streams:
                    pings = 0
                    while not (line := stream.readline()).startswith(b"event: message.created"):
                        pings += line.startswith(b": ping")   # one may have been under way
                        assert line and pings < 3, "a stream was not told of a message"

            works["a customer's message to five streams of the desk"] = counts.each(25, update)
            return {work: {name: None if value is None else round(value, 2) for name, value in found.items()} for work, found in works.items()}
    finally:
        counts.close()


# How much more than the budget is still the same. Statements, parses and syncs are exact, but for the streams of the desk, of which a quick one
# now and then needs two looks at what a slow one sees in one. Sizes move with the length of ids; who comes first moves what threads say to each other.
# Each of the four readers that looks at a commit reads its pages anew: how many of them look is chance.
LENIENCE = {"allocations": 0.03, "bytes allocated": 0.05, "bytes copied": 0.05, "reads": 0.1, "writes": 0.1, "file reads": 3, "file writes": 0.1, "polls": 0.3,
            "loop wake-ups": 0.3, "thread signals": 0.3, "tasks": 0.1}
SLACK = 1.0   # of those above: one more of something is no regression


def grown(found: dict, budget: dict) -> list[str]:
    """One sentence for each figure that is over its budget."""
    sentences = []
    for work, counters in budget.items():
        for name, allowed in counters.items():
            value = found.get(work, {}).get(name)
            if allowed is None:
                continue
            if value is None:
                sentences.append(f"{work}: {name} cannot be counted any more: correct FUNCTIONS in acceptance/budget.py.")
            elif value > allowed * (1 + LENIENCE.get(name, 0.02)) + (SLACK if name in LENIENCE else 0.01):
                sentences.append(f"{work} takes {value:,.10g} {name}, the budget is {allowed:,.10g}.")
    return sentences


def shrunk(found: dict, budget: dict) -> list[str]:
    """What has become so much less that the budget should follow."""
    return [f"{work} takes {value:,.10g} {name} only, the budget is {allowed:,.10g}." for work, counters in budget.items() for name, allowed in counters.items()
            if allowed and (value := found.get(work, {}).get(name)) is not None and value < allowed * (1 - 2 * LENIENCE.get(name, 0.05)) - SLACK]


def highest(several: list[dict]) -> dict:
    """The most of each figure in several measurements."""
    return {work: {name: None if value is None else max(one[work][name] for one in several) for name, value in counters.items()} for work, counters in several[0].items()}


CALLS = ["reads", "writes", "file reads", "file writes", "fsyncs", "polls", "loop wake-ups"]


def cell(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def table(found: dict) -> str:
    found = {work: counters | {"system calls of these": sum(counters[name] for name in CALLS)} for work, counters in found.items()}
    names = list(dict.fromkeys(name for counters in found.values() for name in counters))
    return "\n".join(["| | " + " | ".join(found) + " |", "|---|" + "---|" * len(found)] +
                     [f"| {name} | " + " | ".join(cell(counters.get(name)) for counters in found.values()) + " |" for name in names])


def document() -> None:
    """The table of ARCHITECTURE.md, from the budget."""
    shown = {}
    for work, counters in list(json.loads(BUDGET.read_text()).items())[:2]:
        shown[work] = {name: counters[name] for name in ("SQL statements", "rows", "JSON parses", "JSON encodes", "allocations", "bytes allocated", "bytes copied", "fsyncs")}
        shown[work] |= {"system calls": sum(counters[name] for name in CALLS), "of them file reads and writes": counters["file reads"] + counters["file writes"]}
        shown[work] |= {name: counters[name] for name in ("loop wake-ups", "thread signals", "tasks", "writes handed to the writer", "snapshots read")}
    lines = ["| | " + " | ".join(shown) + " |", "|---|---|---|"] + [f"| {name} | " + " | ".join(cell(counters[name]) for counters in shown.values()) + " |" for name in next(iter(shown.values()))]
    page = ROOT / "ARCHITECTURE.md"
    page.write_text(re.sub(r"(?s)(<!-- budget -->\n).*?(<!-- end of the budget -->)", lambda m: m[1] + "\n".join(lines) + "\n" + m[2], page.read_text()))


if __name__ == "__main__":
    measured = highest([measure() for _ in range(3 if "--write" in sys.argv else 1)])
    print(json.dumps(measured) if "--json" in sys.argv else table(measured))
    if "--write" in sys.argv:
        BUDGET.write_text(json.dumps(measured, indent=1) + "\n")
        document()
