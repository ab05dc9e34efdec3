"""A bridge that encrypts, made of mautrix's own parts (https://docs.mau.fi/bridges/general/end-to-bridge-encryption.html), in the mode in which
it gets everything by transactions and never syncs. Its other side is an echo: what it reads it says again, encrypted.

    python encrypted_bridge.py CONFIG.json

It notes what it has read, and what it could not read, in the file `heard`, one JSON object a line.
"""

from __future__ import annotations

import asyncio
import json
import logging
import pathlib
import signal
import sys

from mautrix.appservice import AppService
from mautrix.appservice.state_store.asyncpg import PgASStateStore
from mautrix.bridge.e2ee import EncryptionManager
from mautrix.crypto import StateStore
from mautrix.errors import DecryptionError
from mautrix.types import EventType, Membership, MessageType, TextMessageEventContent
from mautrix.util.async_db import Database

CONFIG = json.loads(pathlib.Path(sys.argv[1]).read_text())
SETTINGS = {
    "bridge.encryption.verification_levels": {"send": "unverified", "share": "unverified", "receive": "unverified"},
    "bridge.encryption.allow_key_sharing": False,
    "bridge.encryption.appservice": True,
    "bridge.encryption.msc4190": True,
    "bridge.encryption.delete_keys": None,
    "bridge.encryption.rotation.disable_device_change_key_rotation": False,
}


class EncryptedRooms(StateStore):
    """Which rooms are encrypted: all that the state store of the application service says."""

    def __init__(self, store: PgASStateStore):
        self.store = store

    async def is_encrypted(self, room):
        return bool(await self.store.is_encrypted(room))

    async def get_encryption_info(self, room):
        return await self.store.get_encryption_info(room)

    async def find_shared_rooms(self, user):
        rows = await self.store.db.fetch("SELECT room_id FROM mx_user_profile WHERE user_id=$1 AND membership='join'", user)
        return [row["room_id"] for row in rows]


class Echo:
    name = "echo"
    config = SETTINGS

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        url = f"sqlite:{CONFIG['directory']}/bridge.db"
        self.database = Database.create(url, upgrade_table=PgASStateStore.upgrade_table)
        self.state_store = PgASStateStore(self.database)
        self.az = AppService(
            server=CONFIG["server"], domain=CONFIG["domain"], as_token=CONFIG["as_token"], hs_token=CONFIG["hs_token"],
            bot_localpart=CONFIG["bot"], id=CONFIG["id"], state_store=self.state_store, ephemeral_events=True, encryption_events=True)
        self.encryption = EncryptionManager(self, CONFIG["server"], "@_echo_", ":" + CONFIG["domain"], url)
        self.encryption.crypto_db.override_pool(self.database)
        self.encryption.crypto.state_store = EncryptedRooms(self.state_store)
        # Events one after the other; a key that comes too late for its message cannot come at all while the transaction is open.
        self.az.synchronous_handlers = True
        # Awaited inside the transaction: what comes after a change of devices is encrypted for the devices as they are then.
        self.az.device_list_handler = self.encryption.crypto.handle_device_lists
        self.az.matrix_event_handler(self.handle)

    async def get_portal(self, room):
        raise AssertionError("only key sharing asks for portals")

    async def run(self) -> None:
        await self.database.start()
        await self.az.start("127.0.0.1", CONFIG["port"])
        await self.encryption.start()
        ended = asyncio.Event()
        self.loop.add_signal_handler(signal.SIGTERM, ended.set)
        self.note(started=self.encryption.client.device_id)
        await ended.wait()
        await self.encryption.stop()
        await self.az.stop()
        await self.database.stop()

    @staticmethod
    def note(**what) -> None:
        with open(CONFIG["heard"], "a") as file:
            file.write(json.dumps(what) + "\n")

    async def handle(self, event) -> None:
        if event.type == EventType.ROOM_MEMBER:
            if event.state_key == self.az.bot_mxid and event.content.membership == Membership.INVITE:
                await self.come(event.room_id)
            await self.encryption.handle_member_event(event)
        elif event.type == EventType.ROOM_ENCRYPTED:
            await self.read(event)
        elif event.type == EventType.PRESENCE:
            self.note(presence=event.sender, is_online=event.content.presence.value)

    async def come(self, room) -> None:
        await self.az.intent.join_room(room)
        await self.state_store.set_encryption_info(room, await self.az.intent.get_state_event(room, EventType.ROOM_ENCRYPTION))
        await self.az.intent.get_joined_members(room)
        self.note(joined=room)

    async def read(self, event) -> None:
        if event.sender == self.az.bot_mxid:
            return
        try:
            message = await self.encryption.decrypt(event, wait_session_timeout=5)
        except DecryptionError as error:
            return self.note(unreadable=event.event_id, why=str(error))
        self.note(read=message.content.body, by=message.sender)
        answer = TextMessageEventContent(msgtype=MessageType.TEXT, body="echo of " + message.content.body)
        kind, encrypted = await self.encryption.encrypt(event.room_id, EventType.ROOM_MESSAGE, answer)
        await self.az.intent.send_message_event(event.room_id, kind, encrypted)


async def main() -> None:
    await Echo().run()


logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
logging.getLogger("aiosqlite").setLevel(logging.INFO)
asyncio.run(main())
