"""A matrix-nio client with encryption, and the few things that tests let its owner do."""

from __future__ import annotations

import pathlib

from nio import AsyncClient, AsyncClientConfig, ErrorResponse, MegolmEvent, RoomMessageText

from server import Server

CONFIG = AsyncClientConfig(encryption_enabled=True, store_sync_tokens=True, max_timeouts=3)


def good(answer):
    assert not isinstance(answer, ErrorResponse), answer
    return answer


class Device:
    """One session of a person, with a store of keys on disk."""

    def __init__(self, server: Server, directory: pathlib.Path, name: str):
        self.server, self.directory, self.name = server, directory, name
        directory.mkdir(exist_ok=True)
        self.client, self.restarted = self._client(), False

    def _client(self) -> AsyncClient:
        return AsyncClient(self.server.base, self.name, store_path=str(self.directory), config=CONFIG)

    async def register(self) -> "Device":
        good(await self.client.register(self.name, f"password of {self.name}", device_name=self.directory.name))
        return await self._ready()

    async def login(self) -> "Device":
        good(await self.client.login(f"password of {self.name}", device_name=self.directory.name))
        return await self._ready()

    async def _ready(self) -> "Device":
        assert self.client.should_upload_keys
        good(await self.client.keys_upload())
        await self.turn(0)
        assert not self.client.should_upload_keys    # the counts of the sync are those of the server
        return self

    async def restart(self) -> None:
        """Ends the program and starts it again with what it has stored."""
        user, device, token = self.client.user_id, self.client.device_id, self.client.access_token
        await self.client.close()
        self.client, self.restarted = self._client(), True
        self.client.restore_login(user, device, token)

    async def turn(self, timeout: int = 500):
        """One round of what a client does all day long. Gives the answer to the sync."""
        client = self.client
        answer = good(await client.sync(timeout=timeout, full_state=self.restarted))    # it does not store who is in which room
        self.restarted = False
        if client.should_upload_keys:
            good(await client.keys_upload())
        if client.should_query_keys:
            good(await client.keys_query())
        if client.should_claim_keys:
            good(await client.keys_claim(client.get_users_for_key_claiming()))
        for sent in await client.send_to_device_messages():
            good(sent)
        return answer

    async def until(self, wanted, *others: "Device"):
        """Turns until `wanted` is true of an event of a room or a device; the others turn as well."""
        for _ in range(30):
            answer = await self.turn()
            events = list(answer.to_device_events)
            for room in answer.rooms.join.values():
                events += room.timeline.events
            for event in events:
                if wanted(event):
                    return event
            for other in others:
                await other.turn(0)
        raise AssertionError("what was waited for did not come")

    async def read(self, *bodies: str) -> None:
        """Waits for the texts, in this order; they must have come encrypted, and nothing unreadable before or among them."""
        missing = list(bodies)

        def wanted(event):
            assert not isinstance(event, MegolmEvent), f"{self.directory.name} cannot decrypt {event.event_id}"
            if isinstance(event, RoomMessageText) and event.body == missing[0]:
                assert event.decrypted
                del missing[0]
            return not missing
        await self.until(wanted)

    async def say(self, room: str, body: str) -> str:
        return good(await self.client.room_send(room, "m.room.message", {"msgtype": "m.text", "body": body}, ignore_unverified_devices=True)).event_id

    async def encrypted_room(self, **settings) -> str:
        encryption = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
        return good(await self.client.room_create(initial_state=[encryption], **settings)).room_id
