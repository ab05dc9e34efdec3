"""Clients that this project did not write: matrix-nio, one in the clear among the crowd and two that encrypt to each other.

They are programs as one writes them with that library, with one habit of a careful client added: a request whose answer was lost, or a 503, is sent again
as it was, under the same transaction id. What the library makes of the differences is compared with what it makes of a first sync, and what one of the
two has said must be readable by the other: once, in order, none without its key.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import pathlib
import time

import aiohttp
from nio import AsyncClient, AsyncClientConfig, MegolmEvent, MessageDirection, RoomMessageText, RoomSummary
from nio.event_builders import ToDeviceMessage

from .doers import C3, PATIENCE, Act, Doer, Problem
from .followers import Classic, Follower
from .wire import Flight

logging.getLogger("nio").setLevel(logging.CRITICAL)
FILTER = json.loads('{"room": {"timeline": {"limit": 30}}, "presence": {"types": []}}')
ROTATION = 6
"""Messages until a new key of the room, so that keys are always on their way."""


class Stranger(AsyncClient):
    """A session that was made by other means. `directory` keeps its keys; without one it cannot encrypt."""

    def __init__(self, port: int, person: tuple[str, str, str], flight: Flight, directory: pathlib.Path | None = None):
        settings = AsyncClientConfig(encryption_enabled=directory is not None, store_sync_tokens=directory is not None, max_timeouts=200, max_timeout_retry_wait_time=0.1)
        super().__init__(f"http://127.0.0.1:{port}", person[0], store_path=str(directory or ""), config=settings)
        self.port, self.person, self.flight, self.directory = port, person, flight, directory
        self.lost = 0
        self.refusals: dict[str, int] = {}
        self.restore_login(*person)

    def again(self, directory: pathlib.Path | None) -> Stranger:
        return Stranger(self.port, self.person, self.flight, directory)

    async def send(self, method, path, data=None, *more, **named):
        """Below all that the library does with an answer: it is not asked to make sense of a 503 (of some requests it cannot)."""
        deadline = time.monotonic() + PATIENCE
        last = ""
        while True:
            self.flight.count += 1
            try:
                async with asyncio.timeout(20):         # the library waits for ever for an upload, and for a sync that does not wait
                    answer = await super().send(method, path, data, *more, **named)
                    text = await answer.read()
                if answer.status < 300:
                    return answer
                last = f"{answer.status} {text[:300]!r}"
                if answer.status < 500 or answer.status == 500 != self.flight.worst:
                    raise Problem(f"nio: {method} {path}: {last}")
                self.refusals[str(answer.status)] = self.refusals.get(str(answer.status), 0) + 1
            except (aiohttp.ClientError, OSError, TimeoutError) as problem:
                self.lost += 1
                if isinstance(problem, TimeoutError):
                    self.flight.silent.append(f"nio: {method} {path}")
                last = repr(problem)
            finally:
                self.flight.count -= 1
            if time.monotonic() > deadline:
                raise Problem(f"nio: {method} {path}: nothing for {PATIENCE} s, at last {last}")
            if not isinstance(data, (str, bytes, type(None))):
                raise aiohttp.ClientConnectionError(last)       # the library makes the stream of the file anew, and comes again
            await asyncio.sleep(0.02)


class StrangeSender(Doer):
    """Writes into the room of all, and now and then reads, changes a state, writes to the watcher's device and uploads."""

    def __init__(self, act: Act, number: int, client: Stranger, watcher: tuple[str, str], *context):
        super().__init__(*context)
        self.act, self.number, self.client, self.watcher = act, number, client, watcher
        self.refusals, self.receipts = client.refusals, 0
        act.messages.append({})
        act.to_device.append([])

    async def step(self, n: int) -> None:
        act, client, me = self.act, self.client, self.client.user_id
        text = f"{act.number}:{self.number}:{n}"
        event = (await client.room_send(act.room, "m.room.message", {"msgtype": "m.text", "body": text}, tx_id=text)).event_id
        act.messages[self.number][text] = event
        if n % 4 == 0:
            await client.room_read_markers(act.room, event, event)
            act.read[me] = (event, event)
            self.receipts += 1
        if n % 5 == 1:
            await client.to_device(ToDeviceMessage("org.example.news", *self.watcher, {"text": text}), tx_id=text)
            act.to_device[self.number].append(text)
        if n % 9 == 7:
            await client.room_put_state(act.room, "org.example.count", {"n": n}, str(self.number))
            act.states[str(self.number)] = n
        if n % 11 == 3:
            content = text.encode() * 500
            answer, _ = await client.upload(lambda *_: io.BytesIO(content), "application/octet-stream", "text", filesize=len(content))
            act.uploads.append((answer.content_uri, content))
        self.lost = client.lost


class StrangeFollower(Follower):
    """Syncs with the library, and pages back where its timeline was cut."""

    def __init__(self, client: Stranger):
        super().__init__(client.port, client.access_token, client.flight)
        self.client = client
        self.timelines: dict[str, list] = {}

    async def hold(self) -> None:
        self.holds = True
        if self.task:
            if self.polls:
                self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        if self.problem:
            raise Problem(self.problem)

    async def step(self, timeout: int) -> bool:
        client = self.client
        since = client.next_batch
        answer = await client.sync(timeout=timeout, sync_filter=FILTER)
        self.polls = False                      # what was told must be taken in as a whole
        for id, said in answer.rooms.join.items():
            events = said.timeline.events
            if said.timeline.limited and since:
                events = await self.gap(id, said.timeline.prev_batch, since) + events
            self.timelines.setdefault(id, []).extend(events)
        await self.housekeeping()
        return bool(answer.rooms.join or answer.rooms.invite or answer.to_device_events or answer.account_data_events or answer.device_list.changed)

    async def housekeeping(self) -> None:
        pass

    async def gap(self, room: str, start: str | None, since: str) -> list:
        events: list = []
        while start:
            page = await self.client.room_messages(room, start, since, MessageDirection.back, 200)
            events = page.chunk[::-1] + events
            start = page.end if page.chunk else None
        return events

    async def difference(self) -> str:
        fresh = self.client.again(None)
        try:
            await fresh.sync(timeout=0, sync_filter=FILTER)
        finally:
            await fresh.close()
        if self.client.rooms.keys() != fresh.rooms.keys():
            return f"rooms: {sorted(self.client.rooms)} instead of {sorted(fresh.rooms)}"
        for id, room in fresh.rooms.items():
            mine, theirs = _facts(self.client.rooms[id]), _facts(room)
            if wrong := [f"{key}: {mine[key]} instead of {theirs[key]}" for key in theirs if mine[key] != theirs[key]]:
                return f"{id}: " + ", ".join(wrong[:3])
        return ""


def _facts(room) -> dict:
    """All that the library knows of a room, as values that can be compared."""
    users = {id: (user.display_name, user.avatar_url, user.power_level, user.invited) for id, user in room.users.items()}
    summary: RoomSummary | None = room.summary
    return {key: value for key, value in vars(room).items() if key not in ("typing_users", "members_synced", "invited_users", "names", "power_levels")} | {
        "users": users, "levels": (room.power_levels.users, room.power_levels.events, vars(room.power_levels.defaults)), "summary": summary and vars(summary)}


class Sealed(StrangeFollower):
    """One of two who encrypt. Now and then its program ends and goes on with what it has stored."""

    def __init__(self, client: Stranger):
        super().__init__(client)
        self.restarts = 0

    async def housekeeping(self) -> None:
        client = self.client
        if client.should_upload_keys:
            await client.keys_upload()
        if client.should_query_keys:
            await client.keys_query()
        await client.send_to_device_messages()

    async def restart(self) -> None:
        await self.client.close()
        lost, refusals = self.client.lost, self.client.refusals
        self.client = self.client.again(self.client.directory)
        self.client.lost, self.client.refusals = lost, refusals
        await self.client.sync(timeout=0, sync_filter=FILTER, full_state=True)      # it does not store who is in which room
        await self.housekeeping()
        self.restarts += 1

    def read(self, room: str) -> tuple[list[str], list[str]]:
        """The texts of a room, and the ids of what it could not decrypt."""
        events = self.timelines.get(room, [])
        return [event.body for event in events if isinstance(event, RoomMessageText) and event.decrypted], [event.event_id for event in events if isinstance(event, MegolmEvent)]

    async def difference(self) -> str:
        """The state of rooms: of the rest its program has forgotten what it does not store."""
        fresh = Classic(self.port, self.token, self.flight)
        await fresh.take(await fresh.ask("GET", f"{C3}/sync?timeout=0&filter={Classic.FILTER}"), "")
        fresh.wire.close()
        for id, room in fresh.rooms.items():
            members = {key for kind, key in room.state if kind == "m.room.member"}
            if (mine := set(self.client.rooms[id].users)) != members:
                return f"members of {id}: {mine} instead of {members}"
            latest = [event["event_id"] for event in room.timeline]
            if (seen := [event.event_id for event in self.timelines[id]][-len(latest):]) != latest[-len(seen):]:
                return f"timeline of {id}: {seen} instead of {latest}"
        return ""


class SealedSender(Doer):
    """Says things to the other one. Keys of the room change all the time, and sessions between the two are made anew from one-time keys."""

    def __init__(self, act: Act, number: int, follower: Sealed, other: tuple[str, str], *context):
        super().__init__(*context)
        self.act, self.number, self.follower, self.other = act, number, follower, other
        self.refusals = follower.client.refusals
        act.sealed.append([])

    async def step(self, n: int) -> None:
        act, client = self.act, self.follower.client
        if n % ROTATION == ROTATION - 1:
            client.invalidate_outbound_session(act.sealed_room)
            if n % (2 * ROTATION) == ROTATION - 1:
                await client.keys_claim({self.other[0]: [self.other[1]]})
        text = f"sealed {self.number}:{n}"
        await client.room_send(act.sealed_room, "m.room.message", {"msgtype": "m.text", "body": text}, tx_id=f"{act.number}-{n}", ignore_unverified_devices=True)
        act.sealed[self.number].append(text)
        self.lost = client.lost
