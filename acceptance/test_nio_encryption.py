"""matrix-nio with end-to-end encryption: two people, three devices. The server carries keys and ciphertext; it is a client that
this project did not write which encrypts, decrypts, compares emoji and passes room keys on."""

from __future__ import annotations

import io
import pathlib

from nio import (AsyncClient, AsyncClientConfig, ErrorResponse, KeyVerificationCancel, KeyVerificationKey, KeyVerificationMac,
                 KeyVerificationStart, MegolmEvent, RoomEncryptedImage, RoomMessageText)
from nio.crypto import decrypt_attachment
from PIL import Image

from server import Server, asynchronously

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

    async def read(self, body: str) -> None:
        """Waits for the text; it must have come encrypted, and nothing unreadable before it."""
        def wanted(event):
            assert not isinstance(event, MegolmEvent), f"{self.directory.name} cannot decrypt {event.event_id}"
            return isinstance(event, RoomMessageText) and event.body == body
        event = await self.until(wanted)
        assert event.decrypted

    async def say(self, room: str, body: str) -> str:
        return good(await self.client.room_send(room, "m.room.message", {"msgtype": "m.text", "body": body}, ignore_unverified_devices=True)).event_id


async def compare_emoji(first: Device, second: Device) -> None:
    """Interactive verification by short authentication strings; both sides confirm."""
    theirs = first.client.device_store[second.client.user_id][second.client.device_id]
    good(await first.client.start_key_verification(theirs))
    start = await second.until(lambda e: isinstance(e, KeyVerificationStart), first)
    good(await second.client.accept_key_verification(start.transaction_id))
    seen = {first: False, second: False}
    macs = 0
    for _ in range(20):
        for device in (first, second):
            for event in (await device.turn(200)).to_device_events:
                assert not isinstance(event, KeyVerificationCancel), event
                if isinstance(event, KeyVerificationKey):
                    seen[device] = True
                if isinstance(event, KeyVerificationMac):
                    macs += 1
        sas = [device.client.key_verifications[start.transaction_id] for device in (first, second)]
        if all(seen.values()):
            assert sas[0].get_emoji() == sas[1].get_emoji() and len(sas[0].get_emoji()) == 7
            for device in (first, second):
                good(await device.client.confirm_short_auth_string(start.transaction_id))
            seen = {first: False, second: False}
        if macs == 2:
            break
    assert all(each.verified for each in sas)
    for one, other in ((first, second), (second, first)):
        assert one.client.device_store[other.client.user_id][other.client.device_id].verified


def test_two_people_with_three_devices_encrypt(server, tmp_path):
    async def story():
        ada = await Device(server, tmp_path / "ada-phone", "ada").register()
        ben = await Device(server, tmp_path / "ben-phone", "ben").register()
        room = good(await ada.client.room_create(
            name="Sous clé", invite=[ben.client.user_id],
            initial_state=[{"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}])).room_id
        good(await ben.client.join(room))
        await ada.turn()
        await ben.turn()
        assert ada.client.rooms[room].encrypted and ben.client.rooms[room].encrypted
        secret = await ada.say(room, "Le code du coffre est 1789.")
        await ben.read("Le code du coffre est 1789.")
        await ben.say(room, "Noté 🔐")
        await ada.read("Noté 🔐")
        assert "1789" not in server.log() and b"1789" not in b"".join(p.read_bytes() for p in server.data.rglob("*") if p.is_file())

        # Her second device comes later: it was not there when the key was shared.
        tablet = await Device(server, tmp_path / "ada-tablet", "ada").login()
        await tablet.turn()
        unreadable = [e for e in good(await tablet.client.room_messages(room, tablet.client.next_batch, limit=20)).chunk if isinstance(e, MegolmEvent)]
        locked = next(e for e in unreadable if e.event_id == secret)
        await ada.turn()
        assert tablet.client.device_id in ada.client.device_store[ada.client.user_id]    # device_lists named her
        await compare_emoji(ada, tablet)
        good(await tablet.client.request_room_key(locked))
        for _ in range(20):
            await ada.turn(200)
            await tablet.turn(200)
            if locked.session_id not in tablet.client.outgoing_key_requests:
                break
            # nio takes up a request that waited for a claimed key with the next sync that has news.
            good(await ben.client.room_typing(room, True))
        opened = tablet.client.decrypt_event(locked)
        assert opened.body == "Le code du coffre est 1789."

        # People compare emoji as well, and all devices read on.
        await compare_emoji(ben, ada)
        await ben.turn()
        await ben.say(room, "Pour tous tes appareils")
        await ada.read("Pour tous tes appareils")
        await tablet.read("Pour tous tes appareils")

        # An encrypted picture: the server keeps bytes that nobody can look at.
        file = io.BytesIO()
        Image.effect_noise((640, 480), 60).convert("RGB").save(file, "JPEG")
        picture = file.getvalue()
        uploaded, keys = await ada.client.upload(io.BytesIO(picture), "image/jpeg", "plan.jpg", filesize=len(picture), encrypt=True)
        content = {"msgtype": "m.image", "body": "plan.jpg", "info": {"mimetype": "image/jpeg", "size": len(picture), "w": 640, "h": 480},
                   "file": {"url": good(uploaded).content_uri, "key": keys["key"], "iv": keys["iv"], "hashes": keys["hashes"], "v": keys["v"]}}
        good(await ada.client.room_send(room, "m.room.message", content, ignore_unverified_devices=True))
        image = await ben.until(lambda e: isinstance(e, RoomEncryptedImage))
        down = good(await ben.client.download(image.url))
        assert down.body != picture
        assert decrypt_attachment(down.body, image.key["k"], image.hashes["sha256"], image.iv) == picture

        # The server restarts while messages wait for a device, and so do the programs.
        await ben.say(room, "écrit avant le redémarrage")
        server.restart()
        for device in (ada, ben, tablet):
            await device.restart()
        await ada.read("écrit avant le redémarrage")
        await tablet.read("écrit avant le redémarrage")
        await ben.turn(0)
        await tablet.say(room, "après")
        await ben.read("après")
        await ada.read("après")

        # A device that has gone away gets no keys any more.
        gone = tablet.client.device_id
        good(await tablet.client.logout())
        await ben.turn()
        await ben.turn(0)
        assert gone not in [d.id for d in ben.client.device_store.active_user_devices(ada.client.user_id)]
        await ben.say(room, "sans la tablette")
        await ada.read("sans la tablette")
        for device in (ada, ben, tablet):
            await device.client.close()

    asynchronously(story())
