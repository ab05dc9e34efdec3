"""One Comptoir server as a process of its own: start, kill, restart, look at its memory and its log.

The executable is COMPTOIR_BIN, by default .build/debug/comptoir of this checkout.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import httpx

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("COMPTOIR_BIN", ROOT / ".build/debug/comptoir"))
SERVER_NAME = "acceptance.test"
_numbers = itertools.count(1)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run(*arguments: str, timeout: float = 60, **options) -> subprocess.CompletedProcess:
    """Runs one comptoir command to its end."""
    return subprocess.run([str(BINARY), *arguments], capture_output=True, text=True, timeout=timeout, **options)


class Server:
    """`comptoir serve` on a free loopback port with a data directory of its own."""

    TEST_FLAGS = ("--open-registration", "--no-rate-limits", "--cheap-password-hashing", "--allow-loopback-egress")

    def __init__(self, *flags: str, database: str | None = None, test_flags: bool = True, config: str | None = None):
        if not BINARY.exists():
            raise FileNotFoundError(f"{BINARY} is not built: run `scripts/build.sh debug`, or set COMPTOIR_BIN")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="comptoir-"))
        self.data = self.directory / "data"
        self.log_path = self.directory / "server.log"
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.name = SERVER_NAME
        self.process: subprocess.Popen | None = None
        self.start_seconds = 0.0
        self.environment: dict[str, str] = {}
        self.arguments = ["serve", "--data", str(self.data), "--listen", f"127.0.0.1:{self.port}", "--server-name", self.name]
        if database:
            self.arguments += ["--database", database]
        if config is not None:
            path = self.directory / "comptoir.conf"
            path.write_text(config)
            self.arguments += ["--config", str(path)]
        if test_flags:
            self.arguments += self.TEST_FLAGS
        self.arguments += flags

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self, timeout: float = 30) -> "Server":
        began = time.monotonic()
        offset = self.log_path.stat().st_size if self.log_path.exists() else 0
        log = open(self.log_path, "ab")
        self.process = self.launch(stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=ROOT, env={**os.environ, **self.environment})
        log.close()
        while True:
            with open(self.log_path, "rb") as f:
                f.seek(offset)
                if b"listens on http" in f.read():
                    break
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with status {self.process.returncode} before it listened\n{self.tail()}")
            if time.monotonic() - began > timeout:
                self.kill()
                raise TimeoutError(f"the server did not listen within {timeout} s\n{self.tail()}")
            time.sleep(0.005)
        self.start_seconds = time.monotonic() - began
        return self

    def launch(self, **options) -> subprocess.Popen:
        return subprocess.Popen([str(BINARY), *self.arguments], **options)

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9: nothing of the server runs any more when this returns."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self, timeout: float = 15) -> int:
        """Asks it to end (SIGTERM) and returns its exit status."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"the server did not end within {timeout} s of SIGTERM\n{self.tail()}")
        return self.process.returncode

    def restart(self) -> None:
        assert self.stop() == 0, self.tail()
        self.start()

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *_) -> None:
        self.remove()

    # --- what can be seen from outside --------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def memory(self) -> int:
        """Resident bytes now."""
        return self._status("VmRSS")

    def peak_memory(self) -> int:
        """The most resident bytes since the start or since `reset_peak_memory`."""
        return self._status("VmHWM")

    def reset_peak_memory(self) -> None:
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _status(self, field: str) -> int:
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        raise KeyError(field)

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log().splitlines()[-lines:])

    def crashed(self) -> bool:
        """Whether it ended by itself, by a trap or a signal."""
        return self.process is not None and self.process.poll() not in (None, 0, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT)

    # --- people -------------------------------------------------------------------------------------------------

    def register(self, name: str | None = None, password: str = "correct horse") -> "Person":
        person = Person(self, name or f"person{next(_numbers)}", password)
        answer = person.call("POST", "/_matrix/client/v3/register", {
            "username": person.name, "password": password, "auth": {"type": "m.login.dummy"}}, token=False)
        person.sign(answer)
        return person


class Person:
    """A Matrix account and one session of it, with the few calls that most tests need."""

    def __init__(self, server: Server, name: str, password: str):
        self.server, self.name, self.password = server, name, password
        self.id = self.token = self.device = ""
        self.http = httpx.Client(base_url=server.base, timeout=60, verify=False)    # plain HTTP: spares loading the certificates
        self._transactions = itertools.count(1)

    def sign(self, answer: dict) -> None:
        self.id, self.token, self.device = answer["user_id"], answer["access_token"], answer["device_id"]

    def login(self) -> "Person":
        """A second session of the same account."""
        other = Person(self.server, self.name, self.password)
        other.sign(other.call("POST", "/_matrix/client/v3/login", {
            "type": "m.login.password", "password": self.password,
            "identifier": {"type": "m.id.user", "user": self.name}}, token=False))
        return other

    def request(self, method: str, path: str, json=None, token: bool = True, **options) -> httpx.Response:
        headers = dict(options.pop("headers", {}))
        if token and self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        return self.http.request(method, path, json=json, headers=headers, **options)

    def call(self, method: str, path: str, json=None, token: bool = True, expect: int = 200, **options) -> dict:
        answer = self.request(method, path, json, token, **options)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def create_room(self, **settings) -> str:
        return self.call("POST", "/_matrix/client/v3/createRoom", settings)["room_id"]

    def join(self, room: str) -> None:
        self.call("POST", f"/_matrix/client/v3/rooms/{room}/join", {})

    def send(self, room: str, body: str, transaction: str | None = None) -> str:
        transaction = transaction or f"t{next(self._transactions)}"
        return self.call("PUT", f"/_matrix/client/v3/rooms/{room}/send/m.room.message/{transaction}",
                         {"msgtype": "m.text", "body": body})["event_id"]

    def sync(self, since: str | None = None, timeout: int = 0, **more) -> dict:
        parameters = {"timeout": timeout, **more}
        if since:
            parameters["since"] = since
        return self.call("GET", "/_matrix/client/v3/sync", params=parameters)

    def history(self, room: str, page: int = 100) -> list[dict]:
        """All events of the room, oldest first, read page by page from its start."""
        events, start = [], None
        while True:
            parameters = {"dir": "f", "limit": page}
            if start:
                parameters["from"] = start
            answer = self.call("GET", f"/_matrix/client/v3/rooms/{room}/messages", params=parameters)
            events += answer["chunk"]
            start = answer.get("end")
            if not start or not answer["chunk"]:
                return events


def asynchronously(coroutine):
    """Runs a coroutine to its end in a thread of its own (the browser fixtures keep a loop in the main thread)."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()
