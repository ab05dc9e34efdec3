"""A disk that fails on demand, for one server: see faults.c."""

from __future__ import annotations

import contextlib
import mmap
import os
import pathlib
import struct
import subprocess
import tempfile

SOURCE = pathlib.Path(__file__).with_name("faults.c")
KINDS = ("sync", "full", "error", "part")


class Disk:
    """The faults of the data directory of one server. `environment` is what the server must be started with."""

    def __init__(self, under: pathlib.Path):
        self.directory = tempfile.TemporaryDirectory(prefix="comptoir-faults-")
        library, control = (pathlib.Path(self.directory.name) / name for name in ("faults.so", "control"))
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
        control.write_bytes(bytes(4096))
        with open(control, "r+b") as file:
            self.control = mmap.mmap(file.fileno(), 4096)
        self.environment = {"LD_PRELOAD": str(library), "COMPTOIR_FAULTS": str(control), "COMPTOIR_FAULTS_UNDER": str(under.resolve())}

    def set(self, **often: float) -> None:
        """How often each kind fails, 0 to 1. What is not named works."""
        for n, kind in enumerate(KINDS):
            self.control[n] = round(often.get(kind, 0) * 255)

    def heal(self) -> None:
        self.set()

    @property
    def count(self) -> int:
        """How many calls have failed so far."""
        return struct.unpack_from("=Q", self.control, 8)[0]

    def close(self) -> None:
        self.control.close()
        self.directory.cleanup()


@contextlib.contextmanager
def failing(server):
    """Gives the disk of a server that has not been started yet."""
    disk = Disk(pathlib.Path(os.path.realpath(server.directory)))
    server.environment.update(disk.environment)
    try:
        yield disk
    finally:
        disk.heal()
        disk.close()
