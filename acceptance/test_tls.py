"""HTTPS by the server itself: real clients, old versions, files, reloads under load, handshakes that never end."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import threading
import time

import httpx
import pytest
from nio import AsyncClient, RoomSendResponse, SyncResponse

from server import Server, asynchronously, free_port

V3 = "/_matrix/client/v3"


def make(directory: pathlib.Path, name: str, kind: tuple[str, ...] = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")) -> tuple[pathlib.Path, pathlib.Path]:
    """A certificate for this machine, and its key."""
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                    "-subj", f"/CN={name}.example", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
    return certificate, key


class SecureServer(Server):
    """A server with a certificate of its own, which `trust` knows."""

    def __init__(self, *flags: str, kind: tuple[str, ...] = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"), **options):
        super().__init__(*flags, **options)
        self.base = self.base.replace("http:", "https:")
        self.certificate, self.key = make(self.directory, "server", kind)
        self.environment = {"COMPTOIR_TLS_CERTIFICATE": str(self.certificate), "COMPTOIR_TLS_KEY": str(self.key)}

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def connect(self, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return (context or self.trust()).wrap_socket(plain, server_hostname="localhost")


@pytest.fixture(scope="module")
def secure():
    with SecureServer() as server:
        yield server
        assert not server.crashed(), server.tail()


def metric(server: Server, name: str) -> int:
    with httpx.Client(verify=False) as http:
        text = http.get(server.base + "/_comptoir/metrics").text
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith(name + " ")))


@pytest.mark.parametrize("kind", [("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"), ("rsa:2048",)], ids=["ecdsa", "rsa"])
def test_real_clients_speak_to_it(kind):
    with SecureServer(kind=kind) as server:
        assert f"listens on https://127.0.0.1:{server.port}" in server.log()
        done = subprocess.run(["curl", "-sS", "--cacert", server.certificate, "-w", " %{http_code} %{ssl_verify_result}", f"https://localhost:{server.port}{V3}/login"],
                              capture_output=True, text=True)
        assert done.stdout.endswith(" 200 0") and "m.login.password" in done.stdout, done
        assert json.loads(subprocess.run(["curl", "-sS", "-k", server.base + "/.well-known/matrix/client"], capture_output=True, text=True).stdout)[
            "m.homeserver"]["base_url"] == server.base

        context = server.trust()
        context.set_alpn_protocols(["h2", "http/1.1"])
        with server.connect(context) as s:
            assert s.version() == "TLSv1.3" and s.selected_alpn_protocol() == "http/1.1"
            s.sendall(f"GET {V3}/login HTTP/1.1\r\nHost: localhost\r\n\r\nGET /_matrix/client/versions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: s.recv(65536), b""))     # up to the end that the server announces: anything else raises here
            assert answer.count(b"HTTP/1.1 200 OK") == 2
        person = server.register("nia", "a long password")

        async def talk() -> None:
            client = AsyncClient(f"https://localhost:{server.port}", person.id, ssl=server.trust())
            await client.login("a long password")
            room = (await client.room_create()).room_id
            assert isinstance(await client.room_send(room, "m.room.message", {"msgtype": "m.text", "body": "hello"}), RoomSendResponse)
            waiting = asyncio.create_task(client.sync(timeout=20_000))
            assert isinstance(await waiting, SyncResponse)
            waiting = asyncio.create_task(client.sync(timeout=20_000, since=client.next_batch))
            await asyncio.sleep(0.3)
            await client.room_send(room, "m.room.message", {"msgtype": "m.text", "body": "woken"})
            assert "woken" in str((await waiting).rooms.join[room].timeline.events)
            await client.close()

        asynchronously(talk())


def test_old_versions_and_weak_suites_are_refused(secure):
    def offer(*options: str) -> str:
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", *options], input="", capture_output=True, text=True, timeout=20)
        return done.stdout + done.stderr

    for version in ("-tls1", "-tls1_1"):
        text = offer(version, "-cipher", "ALL:@SECLEVEL=0")
        assert "Cipher is (NONE)" in text and "alert" in text, text
    for suite in ("AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "AES256-GCM-SHA384"):
        assert "Cipher is (NONE)" in offer("-tls1_2", "-cipher", suite + ":@SECLEVEL=0"), suite
    for options in (("-tls1_2",), ("-tls1_3",), ("-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305")):
        text = offer(*options)
        assert "Server Temp Key" in text and "Cipher is (NONE)" not in text, text
        assert "Secure Renegotiation IS supported" in text or "-tls1_3" in options
    assert metric(secure, "comptoir_tls_handshake_failures_total") >= 5


def test_files_go_through_whole_and_piece_by_piece(secure):
    person = secure.register()
    big = os.urandom(48 << 20)
    headers = {"Content-Type": "application/octet-stream"}
    uri = person.call("POST", "/_matrix/media/v3/upload", content=big, headers=headers)["content_uri"].removeprefix("mxc://")
    path = f"/_matrix/client/v1/media/download/{uri}"
    person.request("GET", path)
    secure.reset_peak_memory()
    before = secure.memory()
    assert person.request("GET", path).content == big
    assert person.request("GET", path, headers={"Range": "bytes=1000000-1000099"}).content == big[1_000_000:1_000_100]

    # Eight at once that read slowly: what they have not fetched is not in the server's memory.
    def fetch() -> None:
        digest, left = hashlib.sha256(), 0
        with secure.connect() as s:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {person.token}\r\nConnection: close\r\n\r\n".encode())
            head = b""
            while b"\r\n\r\n" not in head:
                head += s.recv(1)
            time.sleep(1.5)
            while piece := s.recv(1 << 20):
                digest.update(piece)
                left += len(piece)
        assert left == len(big) and digest.digest() == hashlib.sha256(big).digest()
        fetched.append(left)

    fetched: list[int] = []
    threads = [threading.Thread(target=fetch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fetched) == 8
    assert secure.peak_memory() - before < 40 << 20, "files are not held in memory"

    # Clients that go away in the middle leave nothing behind.
    for _ in range(20):
        s = secure.connect()
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {person.token}\r\n\r\n".encode())
        s.recv(100)
        s.close()
    deadline = time.monotonic() + 10
    while any(str(pathlib.Path(f"/proc/{secure.pid}/fd/{fd}").resolve()).startswith(str(secure.data / "media")) for fd in os.listdir(f"/proc/{secure.pid}/fd")):
        assert time.monotonic() < deadline, "a file stays open"
        time.sleep(0.1)
    assert person.request("GET", path).content == big


def serial(server: SecureServer) -> str:
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}"], input="", capture_output=True, text=True)
    return subprocess.run(["openssl", "x509", "-noout", "-subject", "-fingerprint"], input=done.stdout, capture_output=True, text=True).stdout


def test_a_new_certificate_is_taken_under_load_and_no_request_fails():
    with SecureServer() as server:
        person, stop = server.register(), threading.Event()
        room = person.create_room()
        failed: list[str] = []
        done = [0, 0]

        def load(kind: int, number: int) -> None:
            kept = httpx.Client(verify=False, timeout=20)
            sent = 0
            while not stop.is_set():
                http = kept if kind else httpx.Client(verify=False, timeout=20)     # one connection for all, or one for each
                try:
                    answer = http.put(f"{server.base}{V3}/rooms/{room}/send/m.room.message/{kind}-{number}-{sent}", json={"msgtype": "m.text", "body": "x"},
                                      headers={"Authorization": f"Bearer {person.token}"})
                    assert answer.status_code == 200, answer.text
                except Exception as problem:
                    failed.append(repr(problem))
                sent += 1
                done[kind] += 1
                if not kind:
                    http.close()

        threads = [threading.Thread(target=load, args=(n % 2, n)) for n in range(6)]
        for thread in threads:
            thread.start()
        held = server.connect()
        old = held.getpeercert(True)
        seen = {serial(server)}
        for turn in range(3):
            certificate, key = make(server.directory, f"turn{turn}")
            os.replace(certificate, server.certificate)
            time.sleep(0.05)                     # for a moment they do not belong together
            if turn != 1:
                server.signal(signal.SIGHUP)     # refused: the key is still the old one
                time.sleep(0.05)
            os.replace(key, server.key)
            if turn != 1:
                server.signal(signal.SIGHUP)
                time.sleep(0.5)
            else:
                time.sleep(6)                    # noticed without being told
            seen.add(serial(server))
        stop.set()
        for thread in threads:
            thread.join()
        assert not failed, failed[:3]
        assert len(seen) == 4, "each certificate was served"
        assert min(done) > 50, done
        held.sendall(b"GET /_matrix/client/versions HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert held.recv(15) == b"HTTP/1.1 200 OK" and held.getpeercert(True) == old, "a connection that is there keeps its certificate"

        # What does not fit is refused, and the old one goes on.
        current = serial(server)
        _, other = make(server.directory, "other")
        os.replace(other, server.key)
        server.signal(signal.SIGHUP)
        time.sleep(0.5)
        assert f"The key {server.key} does not belong to the certificate {server.certificate}." in server.log()
        assert serial(server) == current and server.alive()


def test_it_does_not_start_with_what_cannot_be_used():
    server = SecureServer()
    try:
        _, other = make(server.directory, "other")
        for environment, sentence in (
            ({"COMPTOIR_TLS_KEY": str(other)}, "does not belong to the certificate"),
            ({"COMPTOIR_TLS_KEY": ""}, "belong together"),
            ({"COMPTOIR_TLS_CERTIFICATE": str(server.directory / "none.pem")}, "none.pem cannot be read: No such file"),
        ):
            settings = {**os.environ, **server.environment, **environment}
            done = subprocess.run([os.environ.get("COMPTOIR_BIN", ".build/debug/comptoir"), *server.arguments], env=settings, capture_output=True, text=True, timeout=30)
            assert done.returncode != 0 and sentence in done.stderr, done.stderr
            assert not (server.data / "comptoir.db").exists()
    finally:
        server.remove()


def test_handshakes_that_never_end_hold_nobody_up(secure):
    person = secure.register()
    began = time.monotonic()
    silent = [socket.create_connection(("127.0.0.1", secure.port)) for _ in range(400)]
    trickle = [socket.create_connection(("127.0.0.1", secure.port)) for _ in range(50)]
    stop = threading.Event()

    def drip() -> None:
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
        for byte in hello:
            for s in trickle:
                try:
                    s.send(bytes([byte]))
                except OSError:
                    pass
            if stop.wait(0.2):
                return

    thread = threading.Thread(target=drip)
    thread.start()
    slowest = 0.0
    for _ in range(20):
        at = time.monotonic()
        with httpx.Client(verify=False, timeout=10) as http:
            assert http.get(secure.base + V3 + "/account/whoami", headers={"Authorization": f"Bearer {person.token}"}).status_code == 200
        slowest = max(slowest, time.monotonic() - at)
    assert slowest < 3
    for s in silent + trickle:
        s.settimeout(20)
        try:
            while s.recv(1 << 10):     # an alert may come before the end
                pass
        except ConnectionResetError:
            pass
        s.close()
    took = time.monotonic() - began
    stop.set()
    thread.join()
    assert 8 < took < 16, f"{took:.1f} s: they are ended after about ten"


def test_what_is_no_handshake_ends_the_connection(secure):
    for junk in (b"\x00" * 100, os.urandom(2000), b"\x16\x03\x01\xff\xff" + os.urandom(300), b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b"\x15\x03\x01\x00\x02\x02\x28", b"\x80\x2e\x01\x00\x02"):
        with socket.create_connection(("127.0.0.1", secure.port), timeout=15) as s:
            s.sendall(junk)
            s.shutdown(socket.SHUT_WR)
            try:
                while s.recv(4096):
                    pass
            except ConnectionResetError:
                pass
    # Bytes that are not TLS in the middle of it.
    s = secure.connect()
    s.sendall(b"GET /_matrix/client/versions HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert s.recv(15) == b"HTTP/1.1 200 OK"
    raw = s.detach()
    os.write(raw, os.urandom(500))
    with socket.socket(fileno=raw) as plain:
        plain.settimeout(10)
        try:
            while plain.recv(4096):
                pass
        except ConnectionResetError:
            pass
    with socket.create_connection(("127.0.0.1", secure.port), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b"".join(iter(lambda: plain.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 400") and b"https://" in answer
    assert secure.alive() and httpx.get(secure.base + "/_matrix/client/versions", verify=False).status_code == 200


def test_plain_http_is_sent_on():
    port = free_port()
    server = SecureServer()
    server.environment["COMPTOIR_REDIRECT_LISTEN"] = f"127.0.0.1:{port}"
    with server:
        answer = httpx.get(f"http://127.0.0.1:{port}/desk?x=%20y", follow_redirects=False)
        assert answer.status_code == 308 and answer.headers["location"] == server.base + "/desk?x=%20y"
        answer = httpx.get(f"http://127.0.0.1:{port}/_matrix/client/versions", follow_redirects=True, verify=False)
        assert answer.status_code == 200 and "v1.16" in answer.json()["versions"]
        with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
            s.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert s.recv(100).startswith(b"HTTP/1.1 400")
