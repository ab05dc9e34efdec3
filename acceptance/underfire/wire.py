"""HTTP as its clients speak it, and the network between: connections that are cut at any byte and delayed."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct


class Lost(Exception):
    """No answer came: the connection broke or nothing was heard for too long."""


class Flight:
    """How many requests wait for their answer (a fault counts only while there are some), and what a refusal may be."""
    count = 0
    silent: list[str]   # what was neither answered nor cut within 20 s: allowed, and worth a look
    worst = 503     # what cannot be read is a damaged database for SQLite, and a 500

    def __init__(self):
        self.silent = []


class Wire:
    """One keep-alive connection, one request at a time."""

    def __init__(self, port: int, token: str = "", flight: Flight | None = None):
        self.port, self.token, self.flight = port, token, flight or Flight()
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)

    def close(self) -> None:
        if self.writer:
            self.writer.transport.abort()
        self.reader = self.writer = None

    def head(self, method: str, path: str, length: int | None, headers: dict[str, str]) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
        if self.token:
            lines.append(f"Authorization: Bearer {self.token}")
        if length is not None:
            lines.append(f"Content-Length: {length}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    async def ask(self, method: str, path: str, body: dict | bytes | None = None, timeout: float = 20, **headers: str) -> tuple[int, bytes]:
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if isinstance(body, dict):
            headers["Content-Type"] = "application/json"
        self.flight.count += 1
        try:
            async with asyncio.timeout(timeout):
                await self.open()
                assert self.reader and self.writer
                self.writer.write(self.head(method, path, None if data is None else len(data), headers) + (data or b""))
                return await self.answer()
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError) as problem:
            self.close()
            if isinstance(problem, TimeoutError):
                self.flight.silent.append(f"{method} {path}")
            raise Lost(f"{method} {path}: {problem!r}") from None
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self.flight.count -= 1

    async def answer(self) -> tuple[int, bytes]:
        reader = self.reader
        assert reader
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        start = head.find(b"\r\ncontent-length:")
        length = int(head[start + 17:head.index(b"\r\n", start + 17)]) if start >= 0 else 0
        body = await reader.readexactly(length) if length else b""
        if b"\r\nconnection: close" in head:
            self.close()
        return status, body


class _Side(asyncio.Protocol):
    """One end of a link. What it receives goes to its peer."""

    def __init__(self, link: Link, is_client: bool):
        self.link, self.is_client = link, is_client
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport) -> None:
        self.transport = transport
        if self.is_client:
            asyncio.ensure_future(self.link.reach())

    def data_received(self, data: bytes) -> None:
        self.link.passes(self, data)

    def eof_received(self) -> bool:
        self.link.broken("end")
        return False

    def connection_lost(self, _) -> None:
        self.link.broken("end")


class Link:
    """A client's connection through the proxy."""

    def __init__(self, proxy: Proxy):
        self.proxy = proxy
        self.client, self.server = _Side(self, True), _Side(self, False)
        self.waits = False                      # the client has asked and not heard everything
        self.cut: tuple[bool, int, str] | None = None
        self.was_cut: asyncio.Future | None = None
        self.reached, self.early = False, b""   # what came before the server was reached
        self.over = False

    async def reach(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.server, "127.0.0.1", self.proxy.target)
        except OSError:
            self.broken("reset")
            return
        if self.over:
            self.server.transport.abort()
            return
        self.proxy.links.add(self)
        self.reached = True
        if self.early:
            self.passes(self.client, self.early)

    def passes(self, side: _Side, data: bytes) -> None:
        other = self.server if side.is_client else self.client
        if self.over:
            return
        if not self.reached:
            self.early += data
            return
        self.waits = side.is_client
        if self.cut and self.cut[0] == side.is_client:
            _, left, how = self.cut
            if len(data) >= left:
                other.transport.write(data[:left])
                self.broken(how)
                return
            self.cut = (side.is_client, left - len(data), how)
        other.transport.write(data)

    def broken(self, how: str) -> None:
        if self.over:
            return
        self.over = True
        self.proxy.links.discard(self)
        for side in (self.client, self.server):
            if side.transport is None:
                continue
            if how == "reset":
                raw = side.transport.get_extra_info("socket")
                try:
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                except OSError:
                    pass                        # it has ended already
                side.transport.abort()
            else:
                side.transport.close()
        if self.was_cut and not self.was_cut.done():
            self.was_cut.set_result(None)


class Proxy:
    """Stands between the clients and the server."""

    def __init__(self, target: int):
        self.target = target
        self.links: set[Link] = set()

    async def start(self) -> Proxy:
        self.listener = await asyncio.get_running_loop().create_server(lambda: Link(self).client, "127.0.0.1", 0)
        self.port = self.listener.sockets[0].getsockname()[1]
        return self

    def close(self) -> None:
        self.listener.close()
        for link in list(self.links):
            link.broken("reset")

    async def cut(self, chance: random.Random) -> bool:
        """Breaks a connection within a request or its answer, or while it waits, after some more bytes. False if nothing was under way."""
        if not (links := [link for link in self.links if not link.cut]):
            return False
        link = chance.choice(links)
        link.was_cut = asyncio.get_running_loop().create_future()
        link.cut = (chance.random() < 0.4, chance.choice([0, 1, 20, 150, 400, 5_000, 100_000]), chance.choice(["reset", "end"]))
        try:
            await asyncio.wait_for(link.was_cut, chance.uniform(0.01, 0.2))
        except TimeoutError:
            if link.over or not link.waits:
                link.cut = None
                return False
            link.broken(chance.choice(["reset", "end"]))
        return True

    async def delay(self, chance: random.Random, seconds: float) -> bool:
        """Holds up both directions of a connection that waits for its answer."""
        if not (links := [link for link in self.links if link.waits and not link.cut]):
            return False
        link = chance.choice(links)
        sides = [side.transport for side in (link.client, link.server)]
        for side in sides:
            side.pause_reading()
        await asyncio.sleep(seconds)
        for side in sides:
            if not link.over:
                side.resume_reading()
        return True
