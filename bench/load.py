"""The load generator, and what the machine itself can do: used by run.py and peers.py."""

from __future__ import annotations

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

from servers import Problem, Server

HERE = pathlib.Path(__file__).resolve().parent
HARNESS = HERE / "msgbench"
RESULTS = HERE / "results"
BEGAN = time.monotonic()
FAULTS = ("errors", "lost", "duplicates", "out_of_order", "order_divergence", "not_sent_overload")


def say(words: str) -> None:
    print(f"[{time.monotonic() - BEGAN:5.0f} s] {words}", file=sys.stderr, flush=True)


def build() -> None:
    """The load generator, when its sources are newer, with its own tests."""
    sources = max(p.stat().st_mtime for p in HARNESS.glob("*.go"))
    if (HARNESS / "msgbench").exists() and (HARNESS / "msgbench").stat().st_mtime >= sources:
        return
    say("building the load generator")
    for command in (["go", "test", "."], ["go", "build", "-buildvcs=false", "-o", "msgbench", "."]):
        done = subprocess.run(command, cwd=HARNESS, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"bench: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def generator(*arguments: str, timeout: float = 1800) -> dict:
    done = subprocess.run([str(HARNESS / "msgbench"), "-table=false", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout)
    if done.returncode != 0:
        raise Problem(f"msgbench {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    for line in done.stderr.splitlines():
        if "fault" in line:
            print("  " + line[:300], file=sys.stderr)
    return json.loads(done.stdout)


def on(server: Server, work: str, *arguments: str) -> dict:
    """Runs one work against a server that is up."""
    result = generator(*server.arguments(), "-pids", ",".join(map(str, server.pids())), "-label", server.label, "-sliding", "", "-work", work, *arguments)
    server.check()
    return result


def faults(results: dict) -> int:
    """Everything that must not happen, in all works of a server."""
    return sum(r.get(k) or 0 for r in results.values() if isinstance(r, dict) for k in FAULTS)


def fsync(times: int = 300) -> list[float]:
    """Milliseconds of appending 4 KiB and syncing them, where the servers have their data."""
    took = []
    with tempfile.TemporaryFile() as f:
        for _ in range(times):
            os.write(f.fileno(), b"x" * 4096)
            began = time.monotonic()
            os.fdatasync(f.fileno())
            took.append((time.monotonic() - began) * 1000)
    return took


def quantile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def open_files(wanted: int) -> int:
    """Raises the limit of open files for this process and what it starts; gives what is allowed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (max(wanted, hard), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return limit
        except (ValueError, OSError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def number(value) -> str:
    if value is None:
        return "-"
    a = abs(value)
    return f"{value:,.0f}" if a >= 100 else f"{value:.1f}" if a >= 10 else f"{value:.2f}" if a >= 1 else f"{value:.3f}"
