"""Clients that are slow on purpose: they neither hold others up nor stay for ever."""

from __future__ import annotations

import os
import selectors
import socket
import statistics
import time

import httpx

from server import Server

EACH = 60
PATIENCE = 50          # seconds within which the server must have given up on a request that does not come to its end


def connect(server: Server) -> socket.socket:
    s = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    s.setblocking(False)
    return s


def test_slow_senders_do_not_hold_others_up_and_are_dropped(server):
    person = server.register()
    room = person.create_room()
    token = person.token.encode()
    slow: dict[socket.socket, bytes] = {}
    for _ in range(EACH):     # a header that never ends
        s = connect(server)
        s.send(b"GET /_matrix/client/versions HTTP/1.1\r\nHost: x\r\n")
        slow[s] = b"X-A: b\r\n"
    for n in range(EACH):     # a body of which one byte comes now and then
        s = connect(server)
        s.send(b"PUT /_matrix/client/v3/rooms/%s/send/m.room.message/s%d HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
               b"Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n{" % (room.encode(), n, token))
        slow[s] = b" "
    for _ in range(EACH):     # an upload of somebody who is signed in, byte by byte
        s = connect(server)
        s.send(b"POST /_matrix/media/v3/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 5000000\r\n\r\n" % token)
        slow[s] = b"u"
    for _ in range(EACH):     # nothing at all
        slow[connect(server)] = b""

    began = time.monotonic()
    took, next_byte = [], 0.0
    open_sockets = dict(slow)
    while open_sockets and time.monotonic() - began < PATIENCE:
        if time.monotonic() > next_byte:
            next_byte = time.monotonic() + 2
            for s, more in open_sockets.items():
                try:
                    s.send(more)
                except OSError:
                    pass      # it is closed; the read below sees that
        asked = time.monotonic()
        person.send(room, "quick")
        took.append(time.monotonic() - asked)
        with selectors.DefaultSelector() as selector:
            for s in open_sockets:
                selector.register(s, selectors.EVENT_READ)
            ready = [key.fileobj for key, _ in selector.select(0.1)]
        for s in ready:
            try:
                data = s.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                s.close()
                del open_sockets[s]
    assert not open_sockets, f"{len(open_sockets)} of {len(slow)} slow connections are still open after {PATIENCE} s"
    p95 = statistics.quantiles(took, n=20)[18]
    assert p95 < 0.5, f"others waited: p95 {p95 * 1000:.0f} ms of {len(took)} messages"


def test_slow_readers_cost_no_memory(server):
    """A download that nobody reads must not be held in memory."""
    person = server.register()
    uri = person.call("POST", "/_matrix/media/v3/upload", content=os.urandom(40 << 20), headers={"Content-Type": "application/octet-stream"})["content_uri"]
    path = "/_matrix/client/v1/media/download/" + uri.removeprefix("mxc://")
    before = server.memory()
    readers = []
    for _ in range(20):
        s = connect(server)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\n\r\n".encode())
        readers.append(s)
    time.sleep(3)
    grown = server.memory() - before
    assert httpx.get(server.base + "/_matrix/client/versions", timeout=5).status_code == 200
    for s in readers:
        s.close()
    assert grown < 20 << 20, f"20 slow readers grew the server by {grown / (1 << 20):.1f} MiB"


def test_waiting_syncs_do_not_hold_others_up(server):
    """Many clients that wait for news are the normal state of the server."""
    person = server.register()
    room = person.create_room()
    since = person.sync()["next_batch"]
    waiting = []
    for _ in range(200):
        s = connect(server)
        s.send(f"GET /_matrix/client/v3/sync?timeout=30000&since={since} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\n\r\n".encode())
        waiting.append(s)
    time.sleep(0.5)
    other = server.register()
    other_room = other.create_room()
    began = time.monotonic()
    for n in range(20):
        other.send(other_room, f"line {n}")
    assert time.monotonic() - began < 10
    # and one message wakes all of them
    person.send(room, "news")
    woken, deadline = 0, time.monotonic() + 15
    for s in waiting:
        s.settimeout(max(0.1, deadline - time.monotonic()))
        woken += b"200 OK" in s.recv(65536)
        s.close()
    assert woken == len(waiting)
