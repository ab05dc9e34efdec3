"""A restart that nobody notices: behind real proxies, with a socket that the service manager keeps, with long polls and files on their way."""

from __future__ import annotations

import collections
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

import httpx
import pytest

import proxies
from server import BINARY, ROOT, Server

V3 = "/_matrix/client/v3"
RESTARTS = int(os.environ.get("COMPTOIR_RESTARTS", "3"))


class Load:
    """People who write, read, upload and wait, and who never try anything twice."""

    def __init__(self, server: Server, base: str, keeps_alive: bool = True):
        self.server, self.base = server, base
        self.person, self.other = server.register(), server.register()
        self.room = self.person.create_room(invite=[self.other.id])
        self.other.join(self.room)
        self.failed: list[str] = []
        self.done: collections.Counter = collections.Counter()
        self.sent: dict[str, str] = {}
        self.seen: set[str] = set()
        self.has_gap = False
        self.stop = threading.Event()
        self.keeps_alive = keeps_alive
        self.threads = [threading.Thread(target=self.run, args=(work, n)) for n, work in enumerate([self.write] * 4 + [self.upload] + [self.read] * 2 + [self.follow] * 2)]

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def run(self, work, number: int) -> None:
        limits = httpx.Limits() if self.keeps_alive else httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(base_url=self.base, timeout=90, limits=limits, headers={"Authorization": f"Bearer {self.person.token}"}) as http:
            turn, state = 0, {}
            while not self.stop.is_set():
                try:
                    answer = work(http, number, turn, state)
                    assert answer.status_code == 200, f"{answer.status_code} {answer.text[:200]}"
                except Exception as problem:
                    self.failed.append(f"{work.__name__}: {problem!r}")
                turn += 1
                self.done[work.__name__] += 1
                if work == self.read:
                    time.sleep(0.02)

    def write(self, http, number, turn, _state):
        body = f"{number}-{turn}"
        answer = http.put(f"{V3}/rooms/{self.room}/send/m.room.message/{body}", json={"msgtype": "m.text", "body": body})
        if answer.status_code == 200:
            self.sent[body] = answer.json()["event_id"]
        return answer

    def upload(self, http, number, turn, _state):
        return http.post("/_matrix/media/v3/upload", content=os.urandom(300_000), headers={"Content-Type": "application/octet-stream"})

    def read(self, http, *_):
        return http.get(f"{V3}/account/whoami")

    def follow(self, http, number, turn, state):
        """A reader of the room who waits for what comes."""
        since = {"since": state["since"]} if state else {}
        answer = http.get(f"{V3}/sync", params={"timeout": 20_000, "filter": '{"room":{"timeline":{"limit":1000}}}', **since}, headers={"Authorization": f"Bearer {self.other.token}"})
        if answer.status_code == 200:
            state["since"] = answer.json()["next_batch"]
            for room in answer.json().get("rooms", {}).get("join", {}).values():
                self.has_gap |= bool(room["timeline"].get("limited"))    # more than a sync holds came while nobody was there
                self.seen.update(e["event_id"] for e in room["timeline"]["events"])
        return answer

    def check(self) -> None:
        assert not self.failed, f"{len(self.failed)} of {sum(self.done.values())} failed: {self.failed[:4]}"
        assert min(self.done.values()) > 3, self.done
        history = collections.Counter(e["content"].get("body") for e in self.person.history(self.room) if e["type"] == "m.room.message")
        assert history == collections.Counter(self.sent.keys()), "each message is there once"
        assert self.has_gap or self.seen >= set(self.sent.values()) - set(list(self.sent.values())[-50:]), "the readers have seen them"


class ActivatedServer(Server):
    """Its socket is opened by this process, as a service manager does it."""

    def __init__(self, *flags: str, **options):
        super().__init__(*flags, **options)
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", self.port))
        self.socket.listen(1024)

    def launch(self, **options) -> subprocess.Popen:
        listener = self.socket.fileno()
        return subprocess.Popen(["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "sh", str(BINARY), *self.arguments],
                                pass_fds=(3,), preexec_fn=lambda: os.dup2(listener, 3), **options)


@pytest.mark.parametrize("proxy", ["caddy", "nginx", "haproxy", "haproxy-alone"])
def test_behind_a_proxy_no_request_fails(proxy):
    # nginx, and Caddy 2.6, which Debian has, cannot try a request with a body again when nobody listens: the service manager's socket spares it that.
    server = Server() if proxy == "haproxy-alone" else ActivatedServer()
    with server, getattr(proxies, proxy.split("-")[0])(server, tls=False) as front:
        assert httpx.get(front.base + "/_comptoir/metrics").status_code == 404
        assert httpx.get(front.base + "/_matrix/client/versions").status_code == 200
        with Load(server, front.base) as load:
            for _ in range(RESTARTS):
                time.sleep(1.5)
                began = time.monotonic()
                assert server.stop() == 0
                assert time.monotonic() - began < 6, "it ends soon"
                time.sleep(0.2)
                server.start()
            time.sleep(1.5)
        assert not load.failed, f"{load.failed[:4]}\n{front.problems()}"
        load.check()


@pytest.mark.parametrize("keeps_alive", [False, True], ids=["one-request-each", "kept-alive"])
def test_with_a_socket_of_the_service_manager_no_request_fails_without_any_proxy(keeps_alive):
    with ActivatedServer() as server:
        with Load(server, server.base, keeps_alive) as load:
            for _ in range(RESTARTS):
                time.sleep(1)
                assert server.stop() == 0
                time.sleep(0.3)         # nobody is there now, and nobody is refused
                server.start()
            time.sleep(1)
        load.check()


def test_it_says_that_it_is_not_ready_and_answers_on():
    server = Server()
    server.environment["COMPTOIR_SHUTDOWN_DELAY"] = "2"
    with server:
        person = server.register()
        assert httpx.get(server.base + "/_comptoir/ready").json()["status"] == "ok"
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        time.sleep(0.3)
        answer = httpx.get(server.base + "/_comptoir/ready")
        assert answer.status_code == 503 and answer.json() == {"status": "ending"}
        assert httpx.get(server.base + "/_comptoir/health").status_code == 200
        answer = person.request("GET", V3 + "/account/whoami")
        assert answer.status_code == 200 and answer.headers["connection"] == "close"
        assert server.process.wait(10) == 0
        assert 1.9 < time.monotonic() - began < 5


def test_a_second_signal_ends_it_at_once():
    server = Server()
    server.environment["COMPTOIR_SHUTDOWN_DELAY"] = "60"
    with server:
        server.signal(signal.SIGTERM)
        time.sleep(0.5)
        assert server.alive()
        server.signal(signal.SIGTERM)
        assert server.process.wait(5) == -signal.SIGTERM


def test_long_polls_are_answered_and_what_is_on_its_way_arrives():
    with Server() as server:
        person = server.register()
        since = person.sync()["next_batch"]
        content = os.urandom(24 << 20)
        uri = person.call("POST", "/_matrix/media/v3/upload", content=content, headers={"Content-Type": "application/octet-stream"})["content_uri"].removeprefix("mxc://")
        results: dict[str, object] = {}

        def poll() -> None:
            began = time.monotonic()
            results["poll"] = httpx.get(f"{server.base}{V3}/sync", params={"since": since, "timeout": 30_000}, headers={"Authorization": f"Bearer {person.token}"}, timeout=40)
            results["poll took"] = time.monotonic() - began

        def download() -> None:
            with httpx.stream("GET", f"{server.base}/_matrix/client/v1/media/download/{uri}", headers={"Authorization": f"Bearer {person.token}"}, timeout=40) as answer:
                pieces = []
                for piece in answer.iter_raw(1 << 20):
                    pieces.append(piece)
                    time.sleep(0.08)
            results["download"] = b"".join(pieces)

        def upload() -> None:
            def slowly():
                for _ in range(20):
                    yield b"x" * 50_000
                    time.sleep(0.1)

            results["upload"] = httpx.post(f"{server.base}/_matrix/media/v3/upload", content=slowly(), headers={"Authorization": f"Bearer {person.token}"}, timeout=40)

        threads = [threading.Thread(target=work) for work in (poll, download, upload)]
        for thread in threads:
            thread.start()
        idle = socket.create_connection(("127.0.0.1", server.port))
        time.sleep(1)
        assert server.stop() == 0
        for thread in threads:
            thread.join()
        assert results["poll"].status_code == 200 and results["poll"].json()["next_batch"] and results["poll took"] < 3
        assert results["download"] == content
        assert results["upload"].status_code == 200
        idle.settimeout(5)
        assert idle.recv(10) == b""
        server.start()
        assert person.sync(results["poll"].json()["next_batch"])["next_batch"]


def test_the_proxies_take_the_files_as_they_are(tmp_path):
    done = subprocess.run([proxies.tool("caddy"), "validate", "--config", ROOT / "deploy/Caddyfile", "--adapter", "caddyfile"], capture_output=True, text=True, env=proxies.ENVIRONMENT)
    assert done.returncode == 0 and "Valid configuration" in done.stdout + done.stderr, done.stderr
    assert "not formatted" not in done.stderr, done.stderr
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", tmp_path / "k", "-out", tmp_path / "c",
                    "-days", "2", "-subj", "/CN=shop.example"], check=True, capture_output=True)
    (tmp_path / "both.pem").write_text((tmp_path / "c").read_text() + (tmp_path / "k").read_text())
    file = tmp_path / "haproxy.cfg"
    file.write_text(pathlib.Path(ROOT / "deploy/haproxy.cfg").read_text().replace("/etc/haproxy/shop.example.pem", str(tmp_path / "both.pem")))
    done = subprocess.run([proxies.tool("haproxy"), "-c", "-f", file], capture_output=True, text=True, env=proxies.ENVIRONMENT)
    assert done.returncode == 0 and "ALERT" not in done.stderr, done.stderr
