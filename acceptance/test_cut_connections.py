"""Connections that break at any byte, in every way a network breaks them: the server goes on, leaks nothing, and what it acknowledged is there.

Each worker draws what to ask, where to cut and how (reset, end, half-closed) from a seed of its own; COMPTOIR_CUT_SECONDS lengthens the run.
"""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import random
import socket
import struct
import time

import httpx

from server import Person, Server, asynchronously

SECONDS = float(os.environ.get("COMPTOIR_CUT_SECONDS", "8"))
WORKERS = 24


class Wire:
    """One connection, by hand."""

    def __init__(self, server: Server, chance: random.Random):
        self.server, self.chance = server, chance

    async def __aenter__(self) -> "Wire":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        return self

    async def __aexit__(self, *_) -> None:
        how = self.chance.choice(["reset", "end", "half"])
        raw: socket.socket = self.writer.get_extra_info("socket")
        try:
            if how == "reset":
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif how == "half" and self.writer.can_write_eof():
                self.writer.write_eof()
                await asyncio.wait_for(self.reader.read(65536), self.chance.uniform(0, 0.05))
        except (OSError, TimeoutError):
            pass      # the server was first
        self.writer.transport.abort() if how == "reset" else self.writer.close()

    async def send(self, data: bytes, until: int | None = None) -> None:
        """Sends the first `until` bytes, in pieces."""
        data = data[:until]
        while data:
            size = self.chance.choice([1, 7, 100, 5_000, 70_000, len(data)])
            self.writer.write(data[:size])
            await self.writer.drain()
            data = data[size:]
            if self.chance.random() < 0.2:
                await asyncio.sleep(self.chance.uniform(0, 0.01))

    async def head(self) -> int:
        """The status of the next answer, its body read. 0: the connection ended first."""
        try:
            head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 20)
            length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0)
            self.body = await asyncio.wait_for(self.reader.readexactly(length), 20)
            return int(head.split()[1])
        except (asyncio.IncompleteReadError, OSError):
            return 0


def request(method: str, path: str, token: str, body: bytes = b"", *more: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", *more]
    if body or method in ("PUT", "POST"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Worker:
    def __init__(self, server: Server, person: Person, room: str, media: str, number: int):
        self.server, self.person, self.room, self.media, self.number = server, person, room, media, number
        self.chance = random.Random(number)
        self.count = 0
        self.acknowledged: dict[str, str] = {}
        self.uploaded: list[tuple[str, bytes]] = []

    def message(self, body: str) -> bytes:
        content = json.dumps({"msgtype": "m.text", "body": body}).encode()
        return request("PUT", f"/_matrix/client/v3/rooms/{self.room}/send/m.room.message/{body}", self.person.token, content)

    async def run(self, until: float) -> None:
        steps = [self.cut_request, self.cut_answer, self.pipelined, self.upload, self.download, self.sync, self.stray, self.whole]
        while time.monotonic() < until:
            self.count += 1
            try:
                await self.chance.choice(steps)()
            except (ConnectionError, asyncio.IncompleteReadError):
                assert self.server.alive(), "the server is gone"

    async def cut_request(self) -> None:
        async with Wire(self.server, self.chance) as wire:
            data = self.message(f"cut{self.number}-{self.count}")
            await wire.send(data, self.chance.randrange(len(data)))

    async def cut_answer(self) -> None:
        """The whole request, and away before, amid or after the answer."""
        async with Wire(self.server, self.chance) as wire:
            await wire.send(self.message(f"deaf{self.number}-{self.count}"))
            if self.chance.random() < 0.5:
                await asyncio.wait_for(wire.reader.read(self.chance.randrange(1, 60)), 20)

    async def whole(self) -> None:
        body = f"ok{self.number}-{self.count}"
        async with Wire(self.server, self.chance) as wire:
            await wire.send(self.message(body))
            if await wire.head() == 200:
                self.acknowledged[body] = json.loads(wire.body)["event_id"]

    async def pipelined(self) -> None:
        """Several requests at once; the connection may break among the answers. What was answered counts."""
        bodies = [f"pipe{self.number}-{self.count}-{n}" for n in range(self.chance.randrange(2, 6))]
        async with Wire(self.server, self.chance) as wire:
            data = b"".join(map(self.message, bodies))
            await wire.send(data, self.chance.choice([None, self.chance.randrange(len(data))]))
            for body in bodies[: self.chance.randrange(len(bodies) + 1)]:
                if wire.writer.is_closing():
                    break
                try:
                    status = await asyncio.wait_for(wire.head(), 0.5)
                except TimeoutError:
                    break      # the request was not whole
                if status != 200:
                    break
                self.acknowledged[body] = json.loads(wire.body)["event_id"]

    async def upload(self) -> None:
        content = self.chance.randbytes(self.chance.choice([10, 3_000, 400_000, 2_000_000]))
        more = ("Expect: 100-continue",) if self.chance.random() < 0.3 else ()
        data = request("POST", "/_matrix/media/v3/upload", self.person.token, content, *more)
        async with Wire(self.server, self.chance) as wire:
            cut = self.chance.random() < 0.7
            await wire.send(data, self.chance.randrange(len(data)) if cut else None)
            if not cut:
                status = await wire.head()
                if status == 100:
                    status = await wire.head()
                if status == 200:
                    self.uploaded.append((json.loads(wire.body)["content_uri"], content))

    async def download(self) -> None:
        path = "/_matrix/client/v1/media/download/" + self.media.removeprefix("mxc://")
        more = (f"Range: bytes={self.chance.randrange(1_000_000)}-",) if self.chance.random() < 0.3 else ()
        async with Wire(self.server, self.chance) as wire:
            await wire.send(request("GET", path, self.person.token, b"", *more) * self.chance.choice([1, 3]))
            await asyncio.wait_for(wire.reader.read(self.chance.choice([1, 1_000, 100_000])), 20)

    async def sync(self) -> None:
        async with Wire(self.server, self.chance) as wire:
            since = self.chance.choice(["", "&since=" + self.since])
            await wire.send(request("GET", f"/_matrix/client/v3/sync?timeout=2000{since}", self.person.token))
            await asyncio.sleep(self.chance.uniform(0, 0.2))

    async def stray(self) -> None:
        """A request, and what is none behind it; or nothing but that."""
        junk = self.chance.choice([b"\x00\xff" * 50, b"GET", b"GET / HTTP/9.9\r\n\r\n", b"A" * 9_000, b"PUT /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                                   b"POST /_matrix/client/v3/login HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"\r\n" * 30])
        async with Wire(self.server, self.chance) as wire:
            first = self.message(f"stray{self.number}-{self.count}") if self.chance.random() < 0.5 else b""
            await wire.send(first + junk)
            await asyncio.sleep(self.chance.uniform(0, 0.05))

    since = ""


def descriptors(server: Server) -> int:
    return len(list(pathlib.Path(f"/proc/{server.pid}/fd").iterdir()))


def open_connections(server: Server) -> int:
    text = httpx.get(server.base + "/_comptoir/metrics").text
    return next(int(float(line.split()[1])) for line in text.splitlines() if line.startswith("comptoir_http_open_connections"))


def test_broken_connections_cost_nothing(server_on_each):
    server: Server = server_on_each
    people = [server.register() for _ in range(4)]
    room = people[0].create_room(preset="public_chat")
    for person in people[1:]:
        person.join(room)
    media = people[0].call("POST", "/_matrix/media/v3/upload", content=os.urandom(3_000_000),
                           headers={"Content-Type": "application/octet-stream"})["content_uri"]
    workers = [Worker(server, people[n % 4], room, media, n) for n in range(WORKERS)]
    for worker in workers:
        worker.since = worker.person.sync()["next_batch"]
    before = descriptors(server)

    async def story() -> None:
        until = time.monotonic() + SECONDS
        await asyncio.gather(*(worker.run(until) for worker in workers))

    asynchronously(story())
    assert server.alive(), f"the server ended with {server.process.returncode}\n{server.tail()}"
    count = sum(worker.count for worker in workers)
    assert count > SECONDS * 20, f"only {count} connections: nothing was tried"

    deadline = time.monotonic() + 20
    while open_connections(server) > 1 + len(people) or descriptors(server) > before + 8:
        assert time.monotonic() < deadline, f"{open_connections(server)} connections, {descriptors(server)} descriptors (before: {before}) are left"
        time.sleep(0.2)

    acknowledged = {body: event for worker in workers for body, event in worker.acknowledged.items()}
    assert len(acknowledged) > 20
    stored: dict[str, str] = {}
    for event in people[0].history(room):
        if event["type"] == "m.room.message":
            assert event["content"]["body"] not in stored, "a message is there twice"
            stored[event["content"]["body"]] = event["event_id"]
    assert {body: stored.get(body) for body in acknowledged} == acknowledged
    assert not [body for body in stored if body.startswith("cut")], "a request that was cut was carried out"
    for uri, content in [entry for worker in workers for entry in worker.uploaded][:40]:
        answer = people[0].request("GET", "/_matrix/client/v1/media/download/" + uri.removeprefix("mxc://"))
        assert answer.status_code == 200 and answer.content == content
    print(f"{count} connections broken, {len(acknowledged)} messages acknowledged of {len(stored)}")
