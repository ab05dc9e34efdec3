"""Databases on the PostgreSQL that the tests were started with (COMPTOIR_TEST_POSTGRES, a connection URL), and clusters of one's own."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
from urllib.parse import urlsplit, urlunsplit


def _psql(url: str, statement: str) -> None:
    done = subprocess.run(["psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def database(name: str, url: str | None = None):
    """A fresh database of this name; gives its URL."""
    url = url or os.environ.get("COMPTOIR_TEST_POSTGRES")
    assert url, "COMPTOIR_TEST_POSTGRES is not set: run the tests by `make test` or `make test-acceptance`"
    parts = urlsplit(url)
    _psql(url, f'CREATE DATABASE "{name}" TEMPLATE template0 ENCODING \'UTF8\'')
    try:
        yield urlunsplit(parts._replace(path=f"/{name}"))
    finally:
        _psql(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


class Cluster:
    """A PostgreSQL of one's own, to be killed, stopped and started. `environment` is given to it and to all its processes."""

    SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "scripts" / "postgres-throwaway.sh"

    def __init__(self, directory: pathlib.Path, environment: dict[str, str] | None = None):
        self.directory, self.data = directory, directory / "data"
        self.environment = {**os.environ, **(environment or {})}

    def start(self) -> "Cluster":
        done = subprocess.run([self.SCRIPT, "start", self.directory], capture_output=True, text=True, timeout=180, env=self.environment)
        assert done.returncode == 0, done.stderr
        self.url = done.stdout.strip()
        self.port = urlsplit(self.url).port
        return self

    def restart(self, mode: str) -> None:
        """`immediate`: without a word to anybody, as when the power fails; `fast`: sessions are ended."""
        binary = pathlib.Path(os.readlink(f"/proc/{self.pid}/exe")).parent / "pg_ctl"
        owner = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        done = subprocess.run([*owner, binary, "-D", self.data, "-l", self.data / "server.log", "-m", mode, "-w", "-t", "60", "restart"],
                              capture_output=True, text=True, timeout=90, env=self.environment, cwd="/")
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def backends(self) -> list[tuple[int, str]]:
        """Processes that serve sessions, and what each is doing."""
        found = []
        try:
            pids = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        except OSError:
            return []
        for pid in pids:
            try:
                line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue                        # it has just ended
            if line.startswith("postgres: comptoir "):
                found.append((int(pid), line))
        return found

    @contextlib.contextmanager
    def database(self, name: str):
        with database(name, self.url) as url:
            yield url

    def stop(self) -> None:
        subprocess.run([self.SCRIPT, "stop", self.directory], capture_output=True, timeout=90, check=True)
