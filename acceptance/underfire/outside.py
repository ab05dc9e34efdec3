"""What the server calls: a push gateway and an application service, which take down what they are told and sometimes behave badly."""

from __future__ import annotations

import asyncio
import json
import random

TROUBLES = ("gone before", "gone after", "refused", "half an answer", "slow")
REGISTRATION = """id: witness
url: http://127.0.0.1:{port}
as_token: as-token-of-the-witness
hs_token: hs-token-of-the-witness
sender_localpart: witness
namespaces:
  users: [{{exclusive: false, regex: "@(crowd|watcher).*"}}]
"""


class Outside:
    """`pushed` and `told`: event ids in the order in which they came, each with how it may have come twice."""

    def __init__(self):
        self.pushed: list[str] = []             # of notifications
        self.told: list[str] = []               # of transactions, each transaction once
        self.transactions: dict[str, list[str]] = {}
        self.last_transaction = -1
        self.repeated = 0                       # what was sent again because its answer was lost: allowed
        self.problems: list[str] = []
        self.doubled = self.disordered = 0
        self.trouble: tuple[str, asyncio.Event] | None = None
        self._pushed_before: set[str] = set()
        self._connections: set[asyncio.StreamWriter] = set()

    async def start(self) -> Outside:
        self.servers = [await asyncio.start_server(self._serve, "127.0.0.1", 0) for _ in range(2)]
        self.push_port, self.service_port = (server.sockets[0].getsockname()[1] for server in self.servers)
        return self

    def close(self) -> None:
        for server in self.servers:
            server.close()
        for writer in self._connections:
            writer.transport.abort()

    async def behave_badly(self, chance: random.Random) -> bool:
        """The next call goes wrong. False when none came in a while."""
        met = asyncio.Event()
        self.trouble = (chance.choice(TROUBLES), met)
        try:
            await asyncio.wait_for(met.wait(), 3)
            return True
        except TimeoutError:
            return False
        finally:
            self.trouble = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode().split("\r\n")
                length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0)
                body = await reader.readexactly(length)
                if not await self._answer(writer, lines[0].split(" ")[1], body):
                    break
        except (OSError, EOFError):
            pass                                # the server's end of it: a crash
        finally:
            self._connections.discard(writer)
            writer.transport.abort()

    async def _answer(self, writer: asyncio.StreamWriter, path: str, body: bytes) -> bool:
        trouble = None
        if self.trouble and not self.trouble[1].is_set():
            trouble = self.trouble[0]
            self.trouble[1].set()
        if trouble == "gone before":
            return False
        if trouble == "refused":
            writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}")
            return True
        if "/transactions/" in path:
            self._transaction(path.split("?")[0].rsplit("/", 1)[1], body)
        elif path.startswith("/_matrix/push/"):
            self._notification(json.loads(body))
        else:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")
            return True
        if trouble == "gone after":
            return False
        if trouble == "half an answer":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
            await writer.drain()
            return False
        if trouble == "slow":
            await asyncio.sleep(0.2)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        return True

    def _notification(self, body: dict) -> None:
        event = body["notification"].get("event_id")
        if event is None:
            return                              # a number of unread messages by itself
        if self.pushed and self.pushed[-1] == event:
            self.repeated += 1
        elif event in self._pushed_before:
            self.doubled += 1
            self.problems.append(f"a notification of {event} came again after later ones")
        else:
            self.pushed.append(event)
            self._pushed_before.add(event)

    def _transaction(self, txn: str, body: bytes) -> None:
        events = [event["event_id"] for event in json.loads(body)["events"]]
        if txn in self.transactions:
            self.repeated += 1
            if self.transactions[txn] != events:
                self.doubled += 1
                self.problems.append(f"transaction {txn} came again with other events: first {self.transactions[txn]}, then {events}")
            return
        if int(txn) <= self.last_transaction:
            self.disordered += 1
            self.problems.append(f"transaction {txn} came after {self.last_transaction}")
        self.last_transaction = int(txn)
        self.transactions[txn] = events
        if len(self.transactions) > 200:
            del self.transactions[next(iter(self.transactions))]
        self.told += events
