"""The kinds of faults. Each injects one and says whether it has hit: a call that failed, a connection that broke, a process that died under load."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import os
import random
import signal
import time
import typing

if typing.TYPE_CHECKING:
    from .story import Story

Inject = typing.Callable[["Story", random.Random], typing.Awaitable[bool]]


@dataclasses.dataclass(frozen=True)
class Kind:
    name: str
    inject: Inject
    sqlite: int             # its share of the faults on each database
    postgres: int
    crashes: bool           # ends the server or the database: everything is checked after each one, else after a group


KINDS: list[Kind] = []


def kind(name: str, sqlite: int, postgres: int, crashes: bool = False):
    def add(inject: Inject) -> Inject:
        KINDS.append(Kind(name, inject, sqlite, postgres, crashes))
        return inject
    return add


# --- the server dies --------------------------------------------------------------------------------------------------------------------

async def dies_at(story: Story, chance: random.Random, calls: tuple[str, ...], places: tuple[str, ...], how: tuple[str, ...], skip: int = 4) -> bool:
    """The n-th such call is the last thing that the server does."""
    story.shim.arm(chance.choice(how), calls, places, skip=chance.randrange(skip))
    deadline = time.monotonic() + 6
    while story.server.alive() and time.monotonic() < deadline:
        await asyncio.sleep(0.002)
    story.shim.disarm()
    if story.server.alive():
        return False
    await story.comes_back()
    return True


BOTH = ("kill before", "kill after")


@kind("kill -9 at any moment", 250, 200, crashes=True)
async def kill_at_any_moment(story, chance):
    await asyncio.sleep(chance.uniform(0, 0.15))
    hit = story.flight.count > 0
    story.server.kill()
    await story.comes_back()
    return hit


@kind("kill -9 before or in the commit", 110, 80, crashes=True)
async def kill_in_commit(story, chance):
    if story.cluster:
        return await dies_at(story, chance, ("send",), ("server",), ("kill before", "kill half"), skip=60)
    if chance.random() < 0.5:
        return await dies_at(story, chance, ("write",), ("log",), ("kill before", "kill half", "kill after"), skip=30)
    return await dies_at(story, chance, ("sync",), ("log",), ("kill before",))


@kind("kill -9 between commit and answer", 110, 80, crashes=True)
async def kill_after_commit(story, chance):
    if chance.random() < 0.5:
        return await dies_at(story, chance, ("send",), ("client",), ("kill before",), skip=20)
    if story.cluster:
        return await dies_at(story, chance, ("send",), ("server",), ("kill after",), skip=60)
    return await dies_at(story, chance, ("sync",), ("log",), ("kill after",))


@kind("kill -9 in an answer", 40, 30, crashes=True)
async def kill_in_answer(story, chance):
    return await dies_at(story, chance, ("send",), ("client",), ("kill half", "kill after"), skip=20)


@kind("kill -9 in a checkpoint", 40, 0, crashes=True)
async def kill_in_checkpoint(story, chance):
    if chance.random() < 0.5:
        return await dies_at(story, chance, ("write",), ("database",), ("kill before", "kill half", "kill after"), skip=100)
    return await dies_at(story, chance, ("sync",), ("database",), BOTH, skip=1)


@kind("kill -9 in an upload", 60, 50, crashes=True)
async def kill_in_upload(story, chance):
    call, how = chance.choice([(("write",), ("kill before", "kill half")), (("sync",), BOTH), (("rename",), BOTH)])
    return await dies_at(story, chance, call, ("media",), how)


@kind("kill -9 in the outbox", 60, 50, crashes=True)
async def kill_in_outbox(story, chance):
    """Before what leaves is sent, in the middle of it, or with the answer read and nothing written down yet."""
    call, how = chance.choice([(("send",), ("kill before", "kill half", "kill after")), (("receive",), ("kill after",))])
    return await dies_at(story, chance, call, ("outside",), how, skip=6)


@kind("kill -9 in a start", 40, 30, crashes=True)
async def kill_in_start(story, chance):
    story.server.kill()
    if story.cluster:
        story.shim.arm(chance.choice(BOTH), ("send",), ("server",), skip=chance.randrange(60))
    else:
        story.shim.arm(chance.choice(BOTH), *chance.choice([(("write", "truncate"), ("log", "database", "other")), (("sync",), ("log", "database", "media"))]),
                       skip=chance.randrange(6))
    return await story.starts_badly(died=True)


@kind("a start that cannot write", 20, 10, crashes=True)
async def start_on_a_bad_disk(story, chance):
    """It says why, or goes on; later it starts as if nothing had been."""
    story.server.kill()
    story.shim.arm("fail", chance.choice([("write", "truncate"), ("sync",), ("read",)]), ("database", "log", "other"), skip=chance.randrange(6),
                   count=chance.choice([1, 1000]), argument=chance.choice([errno.ENOSPC, errno.EIO]))
    if story.cluster:
        story.shim.arm("cut before", ("send",), ("server",), skip=chance.randrange(40))
    return await story.starts_badly(died=False)


@kind("kill -9 in a migration", 10, 10, crashes=True)
async def kill_in_migration(story, chance):
    return await story.migrates_over_a_crash(chance)


# --- the disk ---------------------------------------------------------------------------------------------------------------------------

async def fails(story: Story, chance: random.Random, action: str, calls: tuple[str, ...], places: tuple[str, ...], code: int, most: int = 200, skip: int = 6,
                shim=None) -> bool:
    """From the n-th call on, one or many fail for a moment."""
    shim = shim or story.shim
    before, count = shim.hits(), chance.choice([1, 1, 1, 3, 10, most])
    shim.arm(action, calls, places, skip=chance.randrange(skip), count=count, argument=code)
    if not await until(lambda: shim.hits() > before):
        shim.disarm()
        return False
    if count > 1:
        await asyncio.sleep(chance.uniform(0.005, 0.12))
    shim.disarm()
    return True


async def until(check: typing.Callable[[], bool], seconds: float = 3) -> bool:
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.002)
    return True


FILES = ("database", "log", "media", "other")


def places(chance: random.Random) -> tuple[str, ...]:
    return chance.choice([FILES, ("log",), ("log",), ("media",), ("database", "log")])


@kind("disk full", 650, 250)
async def disk_full(story, chance):
    return await fails(story, chance, "fail", ("write", "truncate"), FILES if story.cluster else places(chance), errno.ENOSPC)


@kind("write fails", 600, 250)
async def write_fails(story, chance):
    return await fails(story, chance, chance.choice(["fail", "fail after"]), ("write",), FILES if story.cluster else places(chance), errno.EIO)


@kind("fsync fails", 750, 250)
async def sync_fails(story, chance):
    return await fails(story, chance, chance.choice(["fail", "fail after"]), ("sync",), FILES if story.cluster else places(chance), errno.EIO, skip=2)


@kind("short write", 350, 150)
async def short_write(story, chance):
    return await fails(story, chance, "half", ("write",), FILES if story.cluster else places(chance), 0)


@kind("rename fails", 60, 60)
async def rename_fails(story, chance):
    return await fails(story, chance, "fail", ("rename",), ("media",), chance.choice([errno.ENOSPC, errno.EIO]), skip=2)


@kind("read fails", 150, 0)
async def read_fails(story, chance):
    story.flight.worst = 500
    return await fails(story, chance, "fail", ("read",), ("database", "log"), errno.EIO)


@kind("slow disk", 150, 80)
async def slow_disk(story, chance):
    return await fails(story, chance, "wait", ("sync",), FILES, chance.choice([5_000, 30_000, 80_000]), most=8, skip=2)


# --- the network ------------------------------------------------------------------------------------------------------------------------

@kind("connection cut", 900, 900)
async def cut(story, chance):
    return await story.proxy.cut(chance)


@kind("connection held up", 250, 250)
async def delayed(story, chance):
    return await story.proxy.delay(chance, chance.choice([0.005, 0.02, 0.1]))


@kind("other side misbehaves", 120, 120)
async def misbehaves(story, chance):
    """The push gateway or the application service: gone before or after it has taken what it was told, refuses, answers by half, is slow."""
    return await story.outside.behave_badly(chance)


# --- the clock --------------------------------------------------------------------------------------------------------------------------

@kind("clock jump", 200, 200)
async def clock_jump(story, chance):
    before = story.flight.count
    story.shim.clock = chance.choice([0, chance.uniform(-2, 2), chance.uniform(-300, 300), chance.uniform(-6 * 3600, 6 * 3600)])
    await asyncio.sleep(0.02)
    return before > 0 or story.flight.count > 0


# --- the database server ----------------------------------------------------------------------------------------------------------------

@kind("database: backend kill -9", 0, 130, crashes=True)
async def backend_killed(story, chance):
    """PostgreSQL takes this for a damage of its memory: all sessions end, and it recovers from its log."""
    if chance.random() < 0.5:
        return await backend(story, signal.SIGKILL)
    before = story.database_shim.hits()
    story.database_shim.arm(*chance.choice([("kill before", ("sync",)), ("kill after", ("sync",)), ("kill half", ("write",)), ("kill after", ("write",))]), ("log",),
                            skip=chance.randrange(4))
    hit = await until(lambda: story.database_shim.hits() > before, 6)
    story.database_shim.disarm()
    return hit


async def backend(story: Story, number: int) -> bool:
    """A session that is at work, if there is one within a moment."""
    deadline = time.monotonic() + 0.1
    while True:
        found = story.cluster.backends()
        busy = [pid for pid, what in found if not what.endswith("idle")]
        if busy or (found and time.monotonic() > deadline):
            try:
                os.kill((busy or [pid for pid, _ in found])[0], number)
                return True
            except ProcessLookupError:
                pass                            # it has just ended by itself
        elif time.monotonic() > deadline + 3:
            return False
        await asyncio.sleep(0.001)


@kind("database: session ended", 0, 500)
async def session_ended(story, chance):
    return await backend(story, signal.SIGTERM)


@kind("database: stopped and started", 0, 60, crashes=True)
async def database_restarts(story, chance):
    hit = story.flight.count > 0
    await asyncio.to_thread(story.cluster.restart, "immediate" if chance.random() < 0.8 else "fast")
    return hit


@kind("database: connection cut", 0, 900)
async def database_cut(story, chance):
    action, calls = chance.choice([("cut before", ("send",)), ("cut after", ("send",)), ("cut before", ("receive",)), ("cut after", ("receive",))])
    return await fails(story, chance, action, calls, ("server",), 0, most=3, skip=60)


@kind("database: connection slow", 0, 150)
async def database_slow(story, chance):
    return await fails(story, chance, "wait", ("send", "receive"), ("server",), chance.choice([1_000, 10_000, 60_000]), most=10, skip=20)


@kind("database: its disk fails", 0, 100, crashes=True)
async def database_disk(story, chance):
    action, calls, where, code = chance.choice([
        ("fail", ("write",), ("log",), errno.ENOSPC), ("fail", ("sync",), ("log",), errno.EIO), ("fail", ("write",), ("log",), errno.EIO),
        ("half", ("write",), ("log", "database"), 0), ("wait", ("sync",), ("log",), 50_000), ("fail", ("write", "truncate"), ("database", "other"), errno.ENOSPC),
    ])
    return await fails(story, chance, action, calls, where, code, most=3, skip=3, shim=story.database_shim)
