#!/usr/bin/python3
"""Measures a release build of Comptoir and prints a table with the goals.

    bench/run.py                          everything, about four minutes
    bench/run.py --works pairs,rooms      some of it
    bench/run.py --quick                  short windows: to see that it works, not to compare figures
    bench/run.py --database URL           on PostgreSQL instead of SQLite
    bench/run.py --binary FILE            another executable

Every work gets a fresh server with fresh data on the loopback interface. The main figure is CPU time of the server per
delivered message, read from /proc: it stays meaningful on a busy machine, times do not. Each result is one JSON file
in bench/results; `latest.json` is the newest.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import syncbench

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
HARNESS = HERE / "msgbench"
RESULTS = HERE / "results"
NAME = "bench.local"
WORKS = ["start", "pairs", "rooms", "idle", "coldstart", "sync", "large", "history", "limits"]

# What we want to reach, and what others needed on a machine of this kind.
GOALS = {
    "pairs_cpu_ms": (0.5, "ejabberd 1.3-2.3, prosody 0.8-1.8, Synapse 42-57"),
    "rooms_cpu_ms": (0.2, "ejabberd 0.23-0.33, prosody 0.45-0.52, Synapse 7.4-18.8"),
    "rest_mib": (100, "prosody 16, ejabberd 92-350, Synapse 121-389"),
    "idle_kib": (20, "ejabberd 10-25, prosody 33-36, Synapse 100-141"),
    "start_ms": (1000, ""),
    "first_sync_cpu_ms": (60, ""),
    "change_cpu_ms": (2, ""),
    "large_send_cpu_ms": (5, ""),
    "coldstart_cpu_ms": (20, "Synapse 390-720"),
}


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """One `comptoir serve` with data of its own."""

    def __init__(self, options: argparse.Namespace):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="comptoir-bench-"))
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.log = self.directory / "server.log"
        self.command = [str(options.binary), "serve", "--data", str(self.directory / "data"), "--listen", f"127.0.0.1:{self.port}",
                        "--server-name", NAME, "--open-registration", "--no-rate-limits", "--cheap-password-hashing"]
        if options.database:
            self.command += ["--database", options.database]

    def start(self) -> float:
        """Milliseconds from the start of the process to its first answer."""
        began = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=ROOT)
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    break
            except OSError:
                if self.process.poll() is not None:
                    sys.exit(f"bench: the server ended with status {self.process.returncode}:\n{self.log.read_text(errors='replace')[-3000:]}")
                if time.monotonic() - began > 60:
                    sys.exit("bench: the server did not listen within 60 s")
                time.sleep(0.002)
        with urllib.request.urlopen(self.base + "/_matrix/client/versions", timeout=10) as answer:
            answer.read()
        return (time.monotonic() - began) * 1000

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def memory_mib(self) -> float:
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise KeyError("VmRSS")


def say(words: str) -> None:
    print(f"[{time.monotonic() - BEGAN:5.0f} s] {words}", file=sys.stderr, flush=True)


def harness(*arguments: str, timeout: float = 600) -> dict:
    done = subprocess.run([str(HARNESS / "msgbench"), "-table=false", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout)
    if done.returncode != 0:
        sys.exit(f"bench: msgbench {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    for line in done.stderr.splitlines():
        if "fault" in line:
            print("  " + line, file=sys.stderr)
    return json.loads(done.stdout)


def work(options: argparse.Namespace, name: str, *arguments: str) -> dict:
    server = Server(options)
    server.start()
    try:
        say(name)
        result = harness("-base", server.base, "-server-name", NAME, "-pids", str(server.process.pid), "-label", "comptoir", "-sliding", "",
                         "-work", name, *arguments)
        if server.process.poll() is not None:
            sys.exit(f"bench: the server ended during {name}:\n{server.log.read_text(errors='replace')[-3000:]}")
        return result
    finally:
        server.remove()


def own(options: argparse.Namespace, name: str, action) -> dict:
    """A work that needs no load generator."""
    server = Server(options)
    server.start()
    try:
        say(name)
        return action(server.port, server.process.pid, options.quick)
    finally:
        server.remove()


def starts(options: argparse.Namespace) -> dict:
    say("start")
    server = Server(options)
    try:
        first = server.start()
        time.sleep(2)
        rest = server.memory_mib()
        again = []
        for _ in range(5):
            server.stop()
            again.append(server.start())
        return {"first_start_ms": first, "start_ms": statistics.median(again), "rest_mib": rest}
    finally:
        server.remove()


def limits(options: argparse.Namespace) -> dict:
    """What the machine itself can do now: echo of 600 bytes over 64 connections, and fsync."""
    say("limits")
    address = f"127.0.0.1:{free_port()}"
    echo = subprocess.Popen([str(HARNESS / "msgbench"), "-work", "echo-server", "-addr", address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                socket.create_connection(tuple(address.split(":")), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        result = {"echo": harness("-work", "echo", "-addr", address, "-clients", "64", "-body", "600", "-warm", "1s", "-dur", options.short, "-pids", str(echo.pid))}
    finally:
        echo.terminate()
        echo.wait()
    with tempfile.TemporaryFile(dir=tempfile.gettempdir()) as f:
        took = []
        for _ in range(100):
            os.write(f.fileno(), b"x" * 4096)
            began = time.monotonic()
            os.fdatasync(f.fileno())
            took.append((time.monotonic() - began) * 1000)
    result["fsync_ms"] = {"p50": statistics.median(took), "p95": sorted(took)[94]}
    return result


def number(value) -> str:
    if value is None:
        return "-"
    a = abs(value)
    return f"{value:,.0f}" if a >= 100 else f"{value:.1f}" if a >= 10 else f"{value:.2f}" if a >= 1 else f"{value:.3f}"


def table(results: dict) -> list[tuple]:
    """(what, value, unit, goal, others, met)"""
    rows = []

    def row(what: str, value, unit: str, goal: str | None = None, more: bool = False) -> None:
        if value is None:
            return
        limit, others = GOALS.get(goal, (None, "")) if goal else (None, "")
        met = None if limit is None else (value >= limit if more else value <= limit)
        rows.append((what, value, unit, limit, others, met))

    if r := results.get("start"):
        row("start to first answer", r["start_ms"], "ms", "start_ms")
        row("first start, empty data", r["first_start_ms"], "ms", "start_ms")
        row("memory at rest", r["rest_mib"], "MiB", "rest_mib")
    for name, label in (("pairs", "pairs"), ("rooms", "rooms of 10")):
        if r := results.get(name):
            row(f"{label}: messages", r["msgs_per_s"], "/s")
            row(f"{label}: deliveries", r["deliveries_per_s"], "/s")
            row(f"{label}: delivery p50", r["lat_ms"]["p50"], "ms")
            row(f"{label}: delivery p99", r["lat_ms"]["p99"], "ms")
            row(f"{label}: server CPU per delivery", r.get("cpu_ms_per_delivery"), "ms", f"{name}_cpu_ms")
            row(f"{label}: memory, highest", r["peak_rss_mib"], "MiB")
    if r := results.get("idle"):
        row(f"{r['clients']} idle clients: each", r["kib_per_client"], "KiB", "idle_kib")
        row("idle clients: server CPU", r["idle_cpu_ms_per_client_min"], "ms/client/min")
    if r := results.get("coldstart"):
        row(f"first sync of {r['rooms']} rooms", r["median_of_rest"]["initial_sync_ms"], "ms")
        row("first sync: server CPU", r["median_of_rest"]["initial_sync_cpu_ms"], "ms", "coldstart_cpu_ms")
        row("incremental sync, nothing new", r["median_of_rest"]["incremental_ms"], "ms")
    if r := results.get("sync"):
        size = f"{r['rooms']} rooms x {r['messages']}"
        for name, label in (("v3", "v3"), ("sliding", "sliding")):
            row(f"{label}: first sync, {size}", r[name]["ms"], "ms")
            row(f"{label}: first sync, server CPU", r[name]["cpu_ms"], "ms", "first_sync_cpu_ms")
            row(f"{label}: one change in 10 rooms, CPU", r["at_10"][f"{name}_cpu_ms"], "ms", "change_cpu_ms")
            row(f"{label}: one change in {r['rooms']} rooms, CPU", r["at_all"][f"{name}_cpu_ms"], "ms", "change_cpu_ms")
        row("sliding: first 20 rooms, CPU", r["sliding_20"]["cpu_ms"], "ms")
    if r := results.get("large"):
        row(f"send to {r['members']} members: CPU", r["send"]["cpu_ms"], "ms", "large_send_cpu_ms")
        row(f"send to {r['members']} members", r["send"]["ms"], "ms")
    if r := results.get("history"):
        row("history, pages of 100", r["msgs_per_s"], "messages/s")
        row("history: page p99", r["lat_ms"]["p99"], "ms")
    if r := results.get("limits"):
        row("limit: echo of 600 bytes", r["echo"]["server_cpu_us_per_op"], "CPU-us")
        row("limit: fsync p50", r["fsync_ms"]["p50"], "ms")
    faults = sum((r.get(k) or 0) for n in ("pairs", "rooms", "idle", "coldstart", "history") if (r := results.get(n))
                 for k in ("errors", "lost", "duplicates", "out_of_order", "order_divergence"))
    rows.append(("errors, lost, doubled, out of order", faults, "", 0, "", faults == 0))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--works", default=",".join(WORKS), help="comma-separated: " + ", ".join(WORKS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--database", help="connection URL of an empty PostgreSQL database (taken by one work only)")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / ".build/release/comptoir")
    parser.add_argument("--strict", action="store_true", help="end with status 1 when a goal is missed")
    options = parser.parse_args()
    chosen = options.works.split(",")
    if unknown := set(chosen) - set(WORKS):
        parser.error(f"no such work: {', '.join(unknown)}")
    if options.database and len(chosen) != 1:
        parser.error("--database needs exactly one of --works: each work wants an empty database")
    if not options.binary.exists():
        sys.exit(f"bench: {options.binary} is not built: run make build")
    options.short = "2s" if options.quick else "5s"
    window = "4s" if options.quick else "20s"

    sources = max(p.stat().st_mtime for p in HARNESS.glob("*.go"))
    if not (HARNESS / "msgbench").exists() or (HARNESS / "msgbench").stat().st_mtime < sources:
        say("building the load generator")
        for command in (["go", "test", "."], ["go", "build", "-buildvcs=false", "-o", "msgbench", "."]):
            done = subprocess.run(command, cwd=HARNESS, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"bench: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")

    runs = {
        "start": lambda: starts(options),
        "pairs": lambda: work(options, "pairs", "-users", "100", "-warm", "3s", "-dur", window),
        "rooms": lambda: work(options, "rooms", "-users", "0", "-rooms", "20", "-members", "10", "-warm", "3s", "-dur", window),
        "idle": lambda: work(options, "idle", "-clients", "200" if options.quick else "1000", "-hold", "8s" if options.quick else "35s",
                             "-sync-timeout", "5000" if options.quick else "30000"),
        "coldstart": lambda: work(options, "coldstart", "-rooms", "40", "-msgs", "20"),
        "sync": lambda: own(options, "sync", syncbench.many_rooms),
        "large": lambda: own(options, "large", syncbench.large_room),
        "history": lambda: work(options, "history", "-total", "500" if options.quick else "3000", "-repeat", "3"),
        "limits": lambda: limits(options),
    }
    results = {name: runs[name]() for name in WORKS if name in chosen}
    rows = table(results)

    print(f"\n{'':38}{'measured':>10}  {'':14}{'goal':>8}  {'':6}others on a like machine")
    for what, value, unit, goal, others, met in rows:
        mark = {None: "", True: "met", False: "MISSED"}[met]
        print(f"{what:38}{number(value):>10}  {unit:14}{'' if goal is None else number(goal):>8}  {mark:6} {others}".rstrip())
    print(f"took {time.monotonic() - BEGAN:.0f} s; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")

    RESULTS.mkdir(exist_ok=True)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    now = datetime.datetime.now(datetime.timezone.utc)
    report = {"at": now.isoformat(timespec="seconds"), "commit": commit, "machine": {"cores": os.cpu_count(), "kernel": platform.release()},
              "database": "postgresql" if options.database else "sqlite", "quick": options.quick,
              "table": [{"what": w, "value": v, "unit": u, "goal": g, "met": m} for w, v, u, g, _, m in rows], "works": results}
    path = RESULTS / f"{now:%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps(report, indent=1) + "\n")
    shutil.copyfile(path, RESULTS / "latest.json")
    print(f"written to {path.relative_to(ROOT)}")
    return 1 if options.strict and any(r[5] is False for r in rows) else 0


BEGAN = time.monotonic()

if __name__ == "__main__":
    sys.exit(main())
