"""Works of bench/run.py that concern the two syncs: many rooms, one change, and a large room.

Figures are CPU time of the server, read from /proc in ticks of 10 ms and divided by many repetitions.
"""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import os
import pathlib
import statistics
import threading
import time
import urllib.parse

V3 = "/_matrix/client/v3"
SLIDING = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
local = threading.local()


class Client:
    """One user; a connection for each thread."""

    def __init__(self, port: int, name: str):
        self.port, self.name, self.token, self.count = port, name, "", 0
        answer = self.call("POST", f"{V3}/register", {"username": name, "password": "bench-password", "auth": {"type": "m.login.dummy"}})
        self.token, self.user = answer["access_token"], answer["user_id"]

    def raw(self, method: str, path: str, body: dict | None = None) -> bytes:
        key = f"c{self.port}"
        connection = getattr(local, key, None)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
            setattr(local, key, connection)
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        data = response.read()
        if response.status != 200:
            raise RuntimeError(f"{method} {path}: {response.status} {data[:300]!r}")
        return data

    def call(self, method: str, path: str, body: dict | None = None) -> dict:
        return json.loads(self.raw(method, path, body))

    def room(self, **more) -> str:
        return urllib.parse.quote(self.call("POST", f"{V3}/createRoom", {"preset": "public_chat", **more})["room_id"])

    def say(self, room: str) -> None:
        self.count += 1
        self.call("PUT", f"{V3}/rooms/{room}/send/m.room.message/{self.name}-{self.count}-{threading.get_ident()}", {"msgtype": "m.text", "body": "x" * 200})


def cpu_ms(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def measure(pid: int, repeat: int, action) -> dict:
    took = []
    before = cpu_ms(pid)
    for _ in range(repeat):
        began = time.monotonic()
        action()
        took.append((time.monotonic() - began) * 1000)
    return {"cpu_ms": (cpu_ms(pid) - before) / repeat, "ms": statistics.median(took)}


def sliding_body(last: int, limit: int, connection: str) -> dict:
    state = [["m.room.name", ""], ["m.room.avatar", ""], ["m.room.encryption", ""], ["m.room.member", "$LAZY"], ["m.room.member", "$ME"], ["m.room.create", ""], ["m.room.power_levels", ""]]
    return {"conn_id": connection, "lists": {"all": {"ranges": [[0, last]], "timeline_limit": limit, "required_state": state}},
            "extensions": {"account_data": {"enabled": True}, "receipts": {"enabled": True}, "typing": {"enabled": True}}}


def changes(pid: int, ann: Client, ben: Client, room: str, rooms: int, repeat: int) -> dict:
    """A waiting client hears of one message: CPU of the answer, the send taken off."""
    def alone():
        ben.say(room)
    sends = measure(pid, repeat, alone)["cpu_ms"]
    v3 = ann.call("GET", f"{V3}/sync?timeout=0")["next_batch"]
    pos = ann.call("POST", f"{SLIDING}?timeout=0", sliding_body(999, 1, "inc"))["pos"]
    found = {}

    def by_v3():
        nonlocal v3
        ben.say(room)
        answer = ann.call("GET", f"{V3}/sync?timeout=0&since={v3}")
        assert len(answer["rooms"]["join"]) == 1
        v3 = answer["next_batch"]

    def by_sliding():
        nonlocal pos
        ben.say(room)
        answer = ann.call("POST", f"{SLIDING}?timeout=0&pos={pos}", sliding_body(999, 1, "inc"))
        assert len(answer["rooms"]) == 1, len(answer["rooms"])
        pos = answer["pos"]

    found["v3_cpu_ms"] = measure(pid, repeat, by_v3)["cpu_ms"] - sends
    found["sliding_cpu_ms"] = measure(pid, repeat, by_sliding)["cpu_ms"] - sends
    return found


def many_rooms(port: int, pid: int, quick: bool) -> dict:
    rooms, messages = (60, 20) if quick else (500, 20)
    ann, ben = Client(port, "ann"), Client(port, "ben")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        def fill(number: int) -> str:
            room = ben.room(name=f"room {number}")
            ann.call("POST", f"{V3}/join/{room}", {})
            for _ in range(messages):
                ben.say(room)
            return room
        few = [fill(n) for n in range(10)]
        result: dict = {"at_10": changes(pid, ann, ben, few[0], 10, 200)}
        list(pool.map(fill, range(10, rooms)))
    size = 0
    filtered = urllib.parse.quote(json.dumps({"room": {"timeline": {"limit": messages}, "state": {"lazy_load_members": True}}}))

    def v3():
        nonlocal size
        size = len(ann.raw("GET", f"{V3}/sync?timeout=0&filter={filtered}"))

    ann.raw("GET", f"{V3}/sync?timeout=0&filter={filtered}")
    result |= {"rooms": rooms, "messages": messages, "v3": measure(pid, 10, v3) | {"bytes": size}}

    def sliding():
        nonlocal size
        size = len(ann.raw("POST", f"{SLIDING}?timeout=0", sliding_body(rooms, messages, "all")))

    result["sliding"] = measure(pid, 10, sliding) | {"bytes": size}
    result["sliding_20"] = measure(pid, 20, lambda: ann.raw("POST", f"{SLIDING}?timeout=0", sliding_body(19, 1, "first")))
    result["at_all"] = changes(pid, ann, ben, few[0], rooms, 200)
    return result


def large_room(port: int, pid: int, quick: bool) -> dict:
    members = 500 if quick else 10_000
    owner = Client(port, "owner")
    room = owner.room(name="large")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: Client(port, f"m{n}").call("POST", f"{V3}/join/{room}", {}), range(members)))
    owner.say(room)
    return {"members": members, "send": measure(pid, 50, lambda: owner.say(room))}
