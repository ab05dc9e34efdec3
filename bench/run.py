#!/usr/bin/python3
"""Measures a release build of Comptoir and prints a table with the goals.

    bench/run.py                          everything, about seven minutes
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
import concurrent.futures
import ctypes
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
import time

import load
import servers
import syncbench
from load import number, say
from servers import ROOT, Comptoir

RESULTS = load.RESULTS
WORKS = ["start", "pairs", "rooms", "idle", "coldstart", "sync", "large", "history", "signin", "widget", "live", "limits"]

# What we want to reach, and what others needed on a machine of this kind.
GOALS = {
    "pairs_cpu_ms": (0.2, "ejabberd 1.3-2.3, prosody 0.8-1.8, Synapse 42-57"),
    "rooms_cpu_ms": (0.05, "ejabberd 0.23-0.33, prosody 0.45-0.52, Synapse 7.4-18.8"),
    "rest_mib": (60, "prosody 16, ejabberd 92-350, Synapse 121-389"),
    "idle_kib": (12, "ejabberd 10-25, prosody 33-36, Synapse 100-141"),
    "start_ms": (1000, ""),
    "first_sync_cpu_ms": (60, ""),
    "change_cpu_ms": (2, ""),
    "large_send_cpu_ms": (5, ""),
    "coldstart_cpu_ms": (20, "Synapse 390-720"),
    "history_cpu_ms": (0.02, ""),
    # Hashing is what a sign-in must cost, and the cores are what there is: what comes on top is a write, a filter and a small sync.
    "sign_in_cpu_ms": (2, "the hash is fixed; each request like a message"),
    "sign_in_rate": (0.8, "1 is every core hashing and nothing else"),
    "sign_in_talk_ms": (50, "nobody else may notice"),
    # An account, a session, a room of two with seven events, a conversation, a message: at 500 a second one core of two.
    "widget_cpu_ms": (2, ""),
    "widget_rate": (0.99, "1 is nobody waits"),
    "widget_ms": (500, "one look at the page"),
    # An update is made once for all who may see it, and then copied: like a delivery in a room.
    "live_cpu_ms": (0.05, ""),
    "live_ms": (100, "what a person takes for at once"),
}


def fresh(options: argparse.Namespace, **more) -> Comptoir:
    return Comptoir(options.binary, url=options.database, **more)


def work(options: argparse.Namespace, name: str, *arguments: str) -> dict:
    with fresh(options) as server:
        say(name)
        return load.on(server, name, *arguments)


def own(options: argparse.Namespace, name: str, action) -> dict:
    """A work that needs no load generator."""
    with fresh(options) as server:
        say(name)
        return action(server.port, server.process.pid, options.quick)


def desk(options: argparse.Namespace, name: str, *arguments: str) -> dict:
    """A work with a desk, which its first administrator owns."""
    with fresh(options) as server:
        server.administrator("owner")
        say(name)
        return load.on(server, name, "-owner", "owner", "-owner-password", servers.PASSWORD, *arguments)


def hashing(passes: int = 2, kibibytes: int = 19 << 10, each: int = 10) -> float:
    """CPU milliseconds of the library for one Argon2id of the server's cost, with as many at once as there are cores."""
    library = ctypes.CDLL("libargon2.so.1")

    def one(_) -> None:
        out = ctypes.create_string_buffer(32)
        if library.argon2id_hash_raw(passes, kibibytes, 1, b"password", ctypes.c_size_t(8), b"saltsaltsaltsalt", ctypes.c_size_t(16), out, ctypes.c_size_t(32)):
            raise servers.Problem("libargon2 refused to hash")

    cores = os.cpu_count() or 1
    with concurrent.futures.ThreadPoolExecutor(cores) as pool:
        began = time.process_time()
        list(pool.map(one, range(cores * each)))
        return (time.process_time() - began) * 1000 / (cores * each)


def signin(options: argparse.Namespace) -> dict:
    """Real hashing; what it costs without a server is measured beside it."""
    with fresh(options, cheap=False) as server:
        say("signin")
        before = hashing()
        result = load.on(server, "signin", "-users", "102" if options.quick else "602", "-connect-par", "200")
        result["hash_cpu_ms"] = (before + hashing()) / 2
        return result


def starts(options: argparse.Namespace) -> dict:
    say("start")
    server = fresh(options)
    try:
        first = server.start()
        time.sleep(2)
        rest = server.resident_mib()
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
    address = f"127.0.0.1:{servers.free_port()}"
    echo = subprocess.Popen([str(load.HARNESS / "msgbench"), "-work", "echo-server", "-addr", address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                socket.create_connection(tuple(address.split(":")), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        result = {"echo": load.generator("-work", "echo", "-addr", address, "-clients", "64", "-body", "600", "-warm", "1s", "-dur", options.short, "-pids", str(echo.pid))}
    finally:
        echo.terminate()
        echo.wait()
    took = load.fsync()
    result["fsync_ms"] = {"p50": load.quantile(took, 0.5), "p95": load.quantile(took, 0.95), "p99": load.quantile(took, 0.99)}
    return result


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
        row("history: server CPU a message", r["cpu_ms_per_msg"], "ms", "history_cpu_ms")
    if r := results.get("signin"):
        row(f"sign-in storm of {r['people']}: sign-ins", r["sign_ins_per_s"], "/s")
        row("sign-in storm: part of what hashing allows", r["sign_ins_per_s"] * r["hash_cpu_ms"] / 1000 / (os.cpu_count() or 1), "", "sign_in_rate", more=True)
        row("sign-in storm: CPU beside the hash", r["cpu_ms_per_sign_in"] - r["hash_cpu_ms"], "ms", "sign_in_cpu_ms")
        row("sign-in storm: sign-in p50", r["lat_ms"]["p50"], "ms")
        row("sign-in storm: sign-in p99", r["lat_ms"]["p99"], "ms")
        row("sign-in storm: longest", r["lat_ms"]["max"], "ms")
        row("sign-in storm: others' messages p99", r["talk_during_ms"]["p99"], "ms", "sign_in_talk_ms")
        row("sign-in storm: memory, highest", r["peak_rss_mib"], "MiB")
    if r := results.get("widget"):
        row(f"widget storm at {r['rate']:.0f}/s: new customers", r["customers_per_s"], "/s")
        row("widget storm: part of those who came", r["customers_per_s"] / r["rate"], "", "widget_rate", more=True)
        row("widget storm: first message kept p50", r["lat_ms"]["p50"], "ms")
        row("widget storm: first message kept p99", r["lat_ms"]["p99"], "ms", "widget_ms")
        row("widget storm: longest", r["lat_ms"]["max"], "ms")
        row("widget storm: server CPU a customer", r["cpu_ms_per_customer"], "ms", "widget_cpu_ms")
        row("widget storm: memory, highest", r["peak_rss_mib"], "MiB")
    if r := results.get("live"):
        row(f"desk, {r['agents']} streams: updates", r["updates_per_s"], "/s")
        row("desk: customer's message at an agent p50", r["lat_ms"]["p50"], "ms")
        row("desk: customer's message at an agent p99", r["lat_ms"]["p99"], "ms", "live_ms")
        row("desk: longest", r["lat_ms"]["max"], "ms")
        row("desk: server CPU an update", r["cpu_ms_per_update"], "ms", "live_cpu_ms")
    if r := results.get("limits"):
        row("limit: echo of 600 bytes", r["echo"]["server_cpu_us_per_op"], "CPU-us")
        row("limit: fsync p50", r["fsync_ms"]["p50"], "ms")
        row("limit: fsync p99", r["fsync_ms"]["p99"], "ms")
    faults = load.faults(results)
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

    files = load.open_files(50_000)
    load.build()

    runs = {
        "start": lambda: starts(options),
        "pairs": lambda: work(options, "pairs", "-users", "100", "-warm", "3s", "-dur", window),
        "rooms": lambda: work(options, "rooms", "-users", "0", "-rooms", "20", "-members", "10", "-warm", "3s", "-dur", window),
        "idle": lambda: work(options, "idle", "-clients", "200" if options.quick else str(min(20_000, files - 500)), "-par", "16", "-hold", "8s" if options.quick else "35s",
                             "-sync-timeout", "5000" if options.quick else "30000"),
        "coldstart": lambda: work(options, "coldstart", "-rooms", "40", "-msgs", "20", "-repeat", "16"),
        "sync": lambda: own(options, "sync", syncbench.many_rooms),
        "large": lambda: own(options, "large", syncbench.large_room),
        "history": lambda: work(options, "history", "-total", "500" if options.quick else "3000", "-repeat", "3"),
        "signin": lambda: signin(options),
        "widget": lambda: desk(options, "widget", "-rate", "100" if options.quick else "500", "-dur", "5s" if options.quick else "60s", "-connect-par", "256"),
        "live": lambda: desk(options, "live", "-agents", "50", "-customers", "100", "-rate", "20", "-warm", "3s", "-dur", window),
        "limits": lambda: limits(options),
    }
    try:
        results = {name: runs[name]() for name in WORKS if name in chosen}
    except servers.Problem as problem:
        sys.exit(f"bench: {problem}")
    rows = table(results)

    print(f"\n{'':38}{'measured':>10}  {'':14}{'goal':>8}  {'':6}others on a like machine")
    for what, value, unit, goal, others, met in rows:
        mark = {None: "", True: "met", False: "MISSED"}[met]
        print(f"{what:38}{number(value):>10}  {unit:14}{'' if goal is None else number(goal):>8}  {mark:6} {others}".rstrip())
    print(f"took {time.monotonic() - load.BEGAN:.0f} s; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")

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


if __name__ == "__main__":
    sys.exit(main())
