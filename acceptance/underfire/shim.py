"""Faults inside one process under test, on demand: see shim.c."""

from __future__ import annotations

import errno
import mmap
import os
import pathlib
import struct
import subprocess
import tempfile

SOURCE = pathlib.Path(__file__).with_name("shim.c")
CALLS = {"sync": 1, "write": 2, "truncate": 4, "rename": 8, "send": 16, "receive": 32, "read": 64}
PLACES = {"database": 1, "log": 2, "media": 4, "other": 8, "client": 16, "server": 32, "outside": 64}
ACTIONS = ["nothing", "fail", "fail after", "half", "kill before", "kill after", "kill half", "wait", "cut before", "cut after"]
FILES = ("database", "log", "media", "other")
_SLOT = struct.Struct("=IIIIiIqqQ16x")
_SLOTS, _FIRST = 8, 64
_library: tempfile.TemporaryDirectory | None = None


def library() -> pathlib.Path:
    """The compiled library, made once for each process of tests."""
    global _library
    if _library is None:
        _library = tempfile.TemporaryDirectory(prefix="comptoir-shim-")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", pathlib.Path(_library.name) / "shim.so", SOURCE, "-ldl"], check=True)
        os.chmod(_library.name, 0o755)      # PostgreSQL runs as somebody else
    return pathlib.Path(_library.name) / "shim.so"


class Shim:
    """The control file of one process (or of one PostgreSQL with all its backends). `environment` is what it must be started with."""

    def __init__(self, under: pathlib.Path):
        self.directory = tempfile.TemporaryDirectory(prefix="comptoir-faults-")
        os.chmod(self.directory.name, 0o755)
        path = pathlib.Path(self.directory.name) / "control"
        path.write_bytes(bytes(4096))
        os.chmod(path, 0o666)
        with open(path, "r+b") as file:
            self.control = mmap.mmap(file.fileno(), 4096)
        self.environment = {"LD_PRELOAD": str(library()), "COMPTOIR_FAULTS": str(path), "COMPTOIR_FAULTS_UNDER": os.path.realpath(under)}

    def ports(self, clients: int = 0, server: int = 0, outside: int = 0, outside_too: int = 0) -> None:
        struct.pack_into("=4H", self.control, 8, clients, server, outside, outside_too)

    def arm(self, action: str, calls: tuple[str, ...], places: tuple[str, ...], skip: int = 0, count: int = 1, argument: int = errno.EIO, slot: int = 0) -> None:
        """After `skip` such calls, the next `count` are hit."""
        at = _FIRST + slot * _SLOT.size
        hits = self.hits(slot)
        self.disarm(slot)
        _SLOT.pack_into(self.control, at, 0, sum(CALLS[c] for c in calls), sum(PLACES[p] for p in places), ACTIONS.index(action), argument, 0, skip, count, hits)
        struct.pack_into("=I", self.control, at, 1)

    def disarm(self, slot: int | None = None) -> None:
        for n in range(_SLOTS) if slot is None else [slot]:
            struct.pack_into("=I", self.control, _FIRST + n * _SLOT.size, 0)

    def hits(self, slot: int | None = None) -> int:
        """Calls that were hit so far."""
        return sum(_SLOT.unpack_from(self.control, _FIRST + n * _SLOT.size)[8] for n in (range(_SLOTS) if slot is None else [slot]))

    @property
    def clock(self) -> float:
        """Seconds that the process's wall clock is ahead."""
        return struct.unpack_from("=q", self.control, 0)[0] / 1e9

    @clock.setter
    def clock(self, seconds: float) -> None:
        struct.pack_into("=q", self.control, 0, round(seconds * 1e9))

    def close(self) -> None:
        self.disarm()
        self.control.close()
        self.directory.cleanup()
