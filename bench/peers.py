#!/usr/bin/python3
"""Runs the same works on Comptoir, Synapse, ejabberd and prosody, one after the other, and prints one table with the ratios that we want.

    bench/peers.py                                  everything, about an hour
    bench/peers.py --quick                          short windows and small populations, about eight minutes: to see that it works
    bench/peers.py --works pairs,rooms              some of it
    bench/peers.py --servers comptoir,prosody       some of them (also: ejabberd-mnesia, prosody-files, which do not sync their archives)

Each server has fresh data for each work, on the loopback interface, without rate limits and with passwords hashed cheaply. servers.py says what each
has on disk before it answers. CPU and memory are those of all processes of a server, database included. Results go to bench/results/peers.json.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

import load
import servers
from load import number, say

WORKS = ["rest", "pairs", "rooms", "history", "coldstart", "idle"]
SERVERS = {
    "comptoir": lambda o: servers.Comptoir(o.binary),
    "comptoir-postgres": lambda o: servers.Comptoir(o.binary, "postgres"),
    "synapse": lambda o: servers.Synapse(),
    "ejabberd": lambda o: servers.Ejabberd(),
    "prosody": lambda o: servers.Prosody(),
    "ejabberd-mnesia": lambda o: servers.Ejabberd(durable=False),
    "prosody-files": lambda o: servers.Prosody(durable=False),
}
DURABLE = ["comptoir", "comptoir-postgres", "synapse", "ejabberd", "prosody"]


def rest(server: servers.Server, o: argparse.Namespace) -> dict:
    time.sleep(5)
    return {"memory_mib": server.memory_mib()}


def pairs(server: servers.Server, o: argparse.Namespace) -> dict:
    """As fast as it goes, then at half of that rate, between two measurements of the disk."""
    state = str(server.directory / "pairs.json")
    common = ["-users", "40" if o.quick else "100", "-state", state, "-warm", "2s" if o.quick else "4s", "-dur", "5s" if o.quick else "20s"]
    closed = load.on(server, "pairs", *common)
    disk = load.fsync()
    half = load.on(server, "pairs", *common, "-rate", f"{max(1, closed['msgs_per_s'] / 2):.1f}")
    disk += load.fsync()
    return {"closed": closed, "half": half, "fsync_ms": {"p50": load.quantile(disk, 0.5), "p99": load.quantile(disk, 0.99)},
            **{k: closed[k] + half.get(k, 0) for k in ("errors", "lost", "duplicates", "out_of_order")}}


def rooms(server: servers.Server, o: argparse.Namespace) -> dict:
    return load.on(server, "rooms", "-users", "0", "-rooms", "8" if o.quick else "20", "-members", "10", "-warm", "2s" if o.quick else "4s",
                   "-dur", "5s" if o.quick else "20s")


def history(server: servers.Server, o: argparse.Namespace) -> dict:
    return load.on(server, "history", "-total", "500" if o.quick else "5000", "-page", "100", "-repeat", "3" if o.quick else "10")


def coldstart(server: servers.Server, o: argparse.Namespace) -> dict:
    return load.on(server, "coldstart", "-rooms", "40" if o.quick else "500", "-msgs", "20", "-repeat", "16")


def idle(server: servers.Server, o: argparse.Namespace) -> dict:
    clients = min(o.clients, 500 if isinstance(server, servers.Synapse) else 20_000)   # Synapse cannot answer more long polls on one core
    return load.on(server, "idle", "-clients", str(clients), "-par", "16", "-hold", "10s" if o.quick else "60s", "-sync-timeout", "5000" if o.quick else "30000")


MEASURES = [   # what, unit, where
    ("memory at rest", "MiB", lambda r: r["rest"]["memory_mib"]),
    ("pairs: messages", "/s", lambda r: r["pairs"]["closed"]["msgs_per_s"]),
    ("pairs: CPU a message", "ms", lambda r: r["pairs"]["closed"]["cpu_ms_per_delivery"]),
    ("pairs: delivery p50", "ms", lambda r: r["pairs"]["closed"]["lat_ms"]["p50"]),
    ("pairs: delivery p99", "ms", lambda r: r["pairs"]["closed"]["lat_ms"]["p99"]),
    ("pairs at half rate: CPU a message", "ms", lambda r: r["pairs"]["half"]["cpu_ms_per_delivery"]),
    ("pairs at half rate: delivery p50", "ms", lambda r: r["pairs"]["half"]["lat_ms"]["p50"]),
    ("pairs at half rate: delivery p99", "ms", lambda r: r["pairs"]["half"]["lat_ms"]["p99"]),
    ("the disk's fsync p99 then", "ms", lambda r: r["pairs"]["fsync_ms"]["p99"]),
    ("rooms of 10: deliveries", "/s", lambda r: r["rooms"]["deliveries_per_s"]),
    ("rooms of 10: CPU a delivery", "ms", lambda r: r["rooms"]["cpu_ms_per_delivery"]),
    ("rooms of 10: delivery p99", "ms", lambda r: r["rooms"]["lat_ms"]["p99"]),
    ("history: CPU a message", "ms", lambda r: r["history"]["cpu_ms_per_msg"]),
    ("history: messages", "/s", lambda r: r["history"]["msgs_per_s"]),
    ("first sync: CPU", "ms", lambda r: r["coldstart"]["median_of_rest"]["initial_sync_cpu_ms"]),
    ("first sync: time", "ms", lambda r: r["coldstart"]["median_of_rest"]["initial_sync_ms"]),
    ("idle clients", "", lambda r: r["idle"]["clients"]),
    ("idle: memory a client", "KiB", lambda r: r["idle"]["pss_kib_per_client"]),
    ("idle: CPU a client and minute", "ms", lambda r: r["idle"]["idle_cpu_ms_per_client_min"]),
    ("errors, lost, doubled, out of order", "", load.faults),
]


def value(results: dict, what: str) -> float | None:
    try:
        return next(where for name, _, where in MEASURES if name == what)(results)
    except (KeyError, TypeError):
        return None


def goals(found: dict[str, dict]) -> list[tuple[str, float, float, bool]]:
    """(what, measured, limit, met) for Comptoir on SQLite."""
    rows = []

    def of(name: str, what: str) -> float | None:
        return value(found.get(name, {}), what)

    def best(what: str, choose) -> float | None:
        others = [v for name in ("ejabberd", "prosody") if (v := of(name, what))]
        return choose(others) if others else None

    def row(what: str, measured: float | None, limit: float | None, more: bool = False) -> None:
        if measured is not None and limit:
            rows.append((what, measured, limit, measured >= limit if more else measured <= limit))

    def ratio(a: float | None, b: float | None) -> float | None:
        return a / b if a is not None and b else None

    pairs_cpu, rooms_cpu = of("comptoir", "pairs: CPU a message"), of("comptoir", "rooms of 10: CPU a delivery")
    row("pairs: CPU a message, ms", pairs_cpu, 0.20)
    row("pairs: CPU a message, part of the better of ejabberd and prosody", ratio(pairs_cpu, best("pairs: CPU a message", min)), 1 / 4)
    row("pairs: CPU a message, part of Synapse's", ratio(pairs_cpu, of("synapse", "pairs: CPU a message")), 1 / 100)
    row("rooms of 10: CPU a delivery, ms", rooms_cpu, 0.05)
    row("rooms of 10: CPU a delivery, part of the better of ejabberd and prosody", ratio(rooms_cpu, best("rooms of 10: CPU a delivery", min)), 1)
    row("pairs: messages a second, times the better of ejabberd and prosody", ratio(of("comptoir", "pairs: messages"), best("pairs: messages", max)), 3, more=True)
    row("pairs at half rate: delivery p99, times the disk's fsync p99", ratio(of("comptoir", "pairs at half rate: delivery p99"), of("comptoir", "the disk's fsync p99 then")), 3)
    row("idle: memory a client, KiB", of("comptoir", "idle: memory a client"), 12)
    row("memory at rest, MiB", of("comptoir", "memory at rest"), 60)
    row("first sync: CPU, part of Synapse's", ratio(of("comptoir", "first sync: CPU"), of("synapse", "first sync: CPU")), 1 / 50)
    row("history: CPU a message, ms", of("comptoir", "history: CPU a message"), 0.02)
    return rows


def tables(found: dict[str, dict], labels: dict[str, str]) -> tuple[list[list[str]], list[list[str]]]:
    first = [["", ""] + [labels[name] for name in found]]
    for what, unit, _ in MEASURES:
        cells = [value(found[name], what) for name in found]
        if any(cell is not None for cell in cells):
            first.append([what, unit] + [number(cell) for cell in cells])
    second = [["Comptoir on SQLite", "measured", "goal", ""]]
    for what, measured, limit, met in goals(found):
        more = what.startswith("pairs: messages")
        second.append([what, number(measured), (">= " if more else "<= ") + number(limit), "met" if met else "MISSED"])
    return first, second


def text(rows: list[list[str]]) -> str:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(w) if n == 0 else cell.rjust(w) for n, (cell, w) in enumerate(zip(row, widths))).rstrip() for row in rows)


def markdown(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def versions() -> dict[str, str]:
    found = {}
    for name, command in {"Synapse": [str(servers.Synapse.python), "-c", "import importlib.metadata as m; print(m.version('matrix-synapse'))"],
                          "ejabberd": ["dpkg-query", "-W", "-f", "${Version}", "ejabberd"], "prosody": ["dpkg-query", "-W", "-f", "${Version}", "prosody"],
                          "PostgreSQL": ["dpkg-query", "-W", "-f", "${Version}", "postgresql"],
                          "Comptoir": ["git", "-C", str(servers.ROOT), "rev-parse", "--short", "HEAD"]}.items():
        done = subprocess.run(command, capture_output=True, text=True)
        found[name] = done.stdout.strip() if done.returncode == 0 else "?"
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--works", default=",".join(WORKS), help="comma-separated: " + ", ".join(WORKS))
    parser.add_argument("--servers", default=",".join(DURABLE), help="comma-separated: " + ", ".join(SERVERS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--binary", type=pathlib.Path, default=servers.ROOT / ".build/release/comptoir")
    parser.add_argument("--add", action="store_true", help="keep the results of works and servers that are not run now")
    parser.add_argument("--strict", action="store_true", help="end with status 1 when a goal is missed")
    o = parser.parse_args()
    works, names = o.works.split(","), o.servers.split(",")
    if unknown := (set(works) - set(WORKS)) | (set(names) - set(SERVERS)):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if not o.binary.exists():
        sys.exit(f"bench: {o.binary} is not built: run make build")
    kind = subprocess.run(["stat", "-f", "-c", "%T", tempfile.gettempdir()], capture_output=True, text=True).stdout.strip()
    if kind in ("tmpfs", "ramfs"):
        sys.exit(f"bench: {tempfile.gettempdir()} is memory, where durable costs nothing: set TMPDIR to a directory on a disk")
    o.clients = 300 if o.quick else min(20_000, load.open_files(50_000) - 500)
    load.build()

    path = load.RESULTS / "peers.json"
    old = json.loads(path.read_text()) if o.add and path.exists() else {}
    found: dict[str, dict] = old.get("servers", {})
    labels: dict[str, str] = old.get("labels", {})
    runs = old.get("runs", [])
    runs.append({"at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "works": works, "servers": names, "quick": o.quick,
                 "load": os.getloadavg()[0], "versions": versions()})
    failed = 0
    load.RESULTS.mkdir(exist_ok=True)
    for name in names:
        results = found.setdefault(name, {})
        for work in [w for w in WORKS if w in works]:
            server = SERVERS[name](o)
            labels[name] = server.label
            if work == "coldstart" and server.protocol != "matrix":   # nothing like it there
                server.remove()
                continue
            say(f"{server.label}: {work}")
            try:
                with server:
                    results[work] = globals()[work](server, o)
            except (servers.Problem, subprocess.TimeoutExpired) as problem:
                failed += 1
                results[work] = {"failed": str(problem)[-1000:]}
                print(f"bench: {server.label}: {work}: {problem}", file=sys.stderr)
            report = {"runs": runs, "machine": {"cores": os.cpu_count(), "kernel": platform.release()}, "labels": labels, "servers": found,
                      "goals": [{"what": w, "measured": m, "limit": l, "met": met} for w, m, l, met in goals(found)]}
            path.write_text(json.dumps(report, indent=1) + "\n")   # after each work: it takes long

    first, second = tables(found, labels)
    print("\n" + text(first) + "\n\n" + text(second))
    path.with_suffix(".md").write_text(markdown(first) + "\n\n" + markdown(second) + "\n")
    print(f"took {time.monotonic() - load.BEGAN:.0f} s; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; written to {path.relative_to(servers.ROOT)} and peers.md")
    missed = [row for row in second[1:] if row[3] == "MISSED"]
    return 1 if failed or o.strict and missed else 0


if __name__ == "__main__":
    sys.exit(main())
