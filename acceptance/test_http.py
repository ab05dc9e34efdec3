"""HTTP/1.1 as it comes over the wire: pipelining, framing, what is malformed and what is refused."""

from __future__ import annotations

import json
import os
import socket
import time

import httpx
import pytest

from server import Server


class Wire:
    def __init__(self, server: Server, timeout: float = 10):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=timeout)
        self.rest = b""

    def send(self, data: bytes) -> "Wire":
        self.socket.sendall(data)
        return self

    def _more(self) -> bool:
        data = self.socket.recv(65536)
        self.rest += data
        return bool(data)

    def answer(self, has_body: bool = True) -> tuple[int, dict[str, str], bytes]:
        while b"\r\n\r\n" not in self.rest:
            assert self._more(), f"the connection ended in the head of an answer: {self.rest!r}"
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        length = int(headers.get("content-length", 0)) if has_body else 0
        while len(self.rest) < length:
            assert self._more(), "the connection ended in the body of an answer"
        body, self.rest = self.rest[:length], self.rest[length:]
        return int(lines[0].split()[1]), headers, body

    def is_closed(self) -> bool:
        """True when the server has ended the connection and nothing more came."""
        return not self.rest and not self._more()


def get(path: str, *more: str, version: str = "1.1") -> bytes:
    return "\r\n".join([f"GET {path} HTTP/{version}", "Host: x", *more, "", ""]).encode()


def test_requests_sent_ahead_are_answered_in_order(shared_server):
    person = shared_server.register()
    token = f"Authorization: Bearer {person.token}"
    room = person.create_room()
    slow = get("/_matrix/client/v3/sync?timeout=400&since=" + person.sync()["next_batch"], token)
    send = "".join(f"PUT /_matrix/client/v3/rooms/{room}/send/m.room.message/p{n} HTTP/1.1\r\nHost: x\r\n{token}\r\nContent-Length: 37\r\n\r\n"
                   + json.dumps({"msgtype": "m.text", "body": f"{n:04}"}) for n in range(50)).encode()
    wire = Wire(shared_server).send(slow + send + get("/_matrix/client/v3/account/whoami", token))
    status, _, body = wire.answer()
    assert status == 200 and "next_batch" in json.loads(body)
    events = []
    for _ in range(50):
        status, _, body = wire.answer()
        assert status == 200, body
        events.append(json.loads(body)["event_id"])
    assert json.loads(wire.answer()[2])["user_id"] == person.id
    history = [event for event in person.history(room) if event["type"] == "m.room.message"]
    assert [event["content"]["body"] for event in history] == [f"{n:04}" for n in range(50)]
    assert [event["event_id"] for event in history] == events


@pytest.mark.parametrize("junk", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"GET\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n",
                                  b"PUT /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"PUT /x HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                                  b"PUT /x HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                                  b"GET / HTTP/9\r\n\r\n" + b"and more of it " * 20_000,
                                  b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000 + b"\r\n\r\n"])
def test_what_is_no_http_gets_one_clear_answer(shared_server, junk):
    """Also behind a good request, which is answered first."""
    for first in (b"", get("/_matrix/client/versions")):
        wire = Wire(shared_server).send(first + junk)
        if first:
            assert wire.answer()[0] == 200
        status, headers, body = wire.answer()
        assert status == 400 and json.loads(body)["errcode"] == "M_UNKNOWN"
        assert headers["connection"] == "close"
        assert wire.is_closed()


def test_a_broken_upload_is_answered_once(shared_server):
    person = shared_server.register()
    head = f"POST /_matrix/media/v3/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\nTransfer-Encoding: chunked\r\n\r\n"
    wire = Wire(shared_server).send(head.encode() + b"5\r\nhello\r\nzz\r\n")
    status, _, body = wire.answer()
    assert status == 400 and "broke off" in json.loads(body)["error"]
    assert wire.is_closed()


def test_a_refusal_can_be_read_while_the_body_is_still_being_sent(shared_server):
    """Closing at once would reset the connection, and the client would see no answer."""
    person = shared_server.register()
    for path, limit in (("/_matrix/client/v3/createRoom", 30_000_000), ("/_matrix/media/v3/upload", 300_000_000)):
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\nContent-Length: {limit}\r\n\r\n"
        wire = Wire(shared_server).send(head.encode())
        for _ in range(40):
            wire.send(b"x" * 50_000)
            time.sleep(0.002)
        status, headers, body = wire.answer()
        assert status == 413 and json.loads(body)["errcode"] == "M_TOO_LARGE"
        assert headers["connection"] == "close"


def test_framing(shared_server):
    person = shared_server.register()
    token = f"Authorization: Bearer {person.token}"
    # an old client, which says when it wants to go on
    wire = Wire(shared_server).send(get("/_matrix/client/versions", version="1.0"))
    assert wire.answer()[1]["connection"] == "close" and wire.is_closed()
    wire = Wire(shared_server).send(get("/_matrix/client/versions", "Connection: keep-alive", version="1.0"))
    assert wire.answer()[1]["connection"] == "keep-alive"
    assert wire.send(get("/_matrix/client/versions", "Connection: close")).answer()[0] == 200 and wire.is_closed()
    # HEAD has the length and no body; the next answer begins right behind it
    wire = Wire(shared_server).send(get("/_matrix/client/versions").replace(b"GET", b"HEAD") + get("/_matrix/client/v3/account/whoami", token))
    status, headers, _ = wire.answer(has_body=False)
    assert status == 200 and int(headers["content-length"]) > 2
    assert json.loads(wire.answer()[2])["user_id"] == person.id
    # 204 has neither
    status, headers, _ = wire.send(get("/_matrix/client/versions").replace(b"GET", b"OPTIONS")).answer()
    assert status == 204 and "content-length" not in headers and "GET" in headers["access-control-allow-methods"]
    # a browser's page gets to see that a path is not known
    status, headers, _ = wire.send(get("/_matrix/client/v1/unknown").replace(b"GET", b"OPTIONS")).answer()
    assert status == 204 and headers["access-control-allow-origin"] == "*" and "Authorization" in headers["access-control-allow-headers"]
    # a body in chunks, after 100 Continue
    wire.send(f"POST /_matrix/client/v3/createRoom HTTP/1.1\r\nHost: x\r\n{token}\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n".encode())
    assert wire.answer()[0] == 100
    assert wire.send(b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n").answer()[0] == 200
    # an upgrade that is not offered: the answer ends the connection, since the rest could be anything
    wire = Wire(shared_server).send(get("/_matrix/client/versions", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"))
    assert wire.answer()[1]["connection"] == "close" and wire.is_closed()


def test_answers_that_nobody_fetches_hold_up_further_requests(shared_server):
    """A client that only asks must not make the server keep its answers."""
    person = shared_server.register()
    uri = person.call("POST", "/_matrix/media/v3/upload", content=os.urandom(1 << 20), headers={"Content-Type": "application/octet-stream"})["content_uri"]
    ask = get("/_matrix/client/versions", "X-Padding: " + "a" * 2_000)
    fetch = get("/_matrix/client/v1/media/download/" + uri.removeprefix("mxc://"), f"Authorization: Bearer {person.token}")
    before = shared_server.memory()
    for request in (ask, fetch):
        wire = Wire(shared_server)
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.socket.setblocking(False)
        sent, deadline = 0, time.monotonic() + 3
        while time.monotonic() < deadline and sent < 60_000_000:
            try:
                sent += wire.socket.send(request * 50)
            except BlockingIOError:
                time.sleep(0.01)
        assert sent < 60_000_000, "the server read on and on"
        wire.socket.close()
    assert shared_server.memory() - before < 30 << 20


@pytest.mark.parametrize("head", [
    b"X-A: " + b"a" * 200_000 + b"\r\n",                                  # one long header
    b"".join(b"X-%d: %s\r\n" % (n, b"b" * 100) for n in range(2000)),      # many headers
    b"Cookie: a=b\r\n" * 20_000,
], ids=["long", "many", "same"])
def test_headers_are_not_collected_without_end(shared_server, head):
    before = shared_server.memory()
    with socket.create_connection(("127.0.0.1", shared_server.port), timeout=15) as s:
        answer = b""
        try:
            s.sendall(b"GET /_matrix/client/versions HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
        except OSError:
            pass    # it does not want to hear the rest
        try:
            while piece := s.recv(65_536):
                answer += piece
        except OSError:
            pass
    assert b" 200 " not in answer.split(b"\r\n")[0], answer[:200]
    assert shared_server.memory() - before < 20 << 20
    assert httpx.get(shared_server.base + "/_matrix/client/versions").status_code == 200


def test_an_address_has_only_so_many_connections():
    """Nobody takes the connections of all others. This machine itself is not counted; 127.0.0.2 stands for somebody else."""
    with Server(config="connections_per_address = 20\n") as server:
        def connect(source: str) -> socket.socket:
            s = socket.create_connection(("127.0.0.1", server.port), timeout=10, source_address=(source, 0))
            s.sendall(b"GET /_matrix/client/versions HTTP/1.1\r\nHost: x\r\n\r\n")
            return s

        def answers(s: socket.socket) -> bool:
            try:
                return s.recv(65_536).startswith(b"HTTP/1.1 200")
            except OSError:
                return False

        held = [connect("127.0.0.2") for _ in range(20)]
        assert all(answers(s) for s in held)
        assert not any(answers(connect("127.0.0.2")) for _ in range(5))
        assert answers(connect("127.0.0.3")) and all(answers(connect("127.0.0.1")) for _ in range(40))
        # Those that end make room.
        for s in held[:5]:
            s.close()
        deadline = time.monotonic() + 10
        while not answers(connect("127.0.0.2")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
