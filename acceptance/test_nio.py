"""matrix-nio, a Matrix client library that this project did not write, does the everyday work of a client."""

from __future__ import annotations

import io

from nio import (AsyncClient, AsyncClientConfig, DownloadError, ErrorResponse, JoinedMembersResponse, RoomCreateResponse,
                 RoomMessageImage, RoomMessageText, RoomMessagesResponse, SyncResponse, UploadResponse)
from PIL import Image

from server import Server, asynchronously


def good(answer):
    assert not isinstance(answer, ErrorResponse), answer
    return answer


async def signed_up(server: Server, name: str) -> AsyncClient:
    client = AsyncClient(server.base, config=AsyncClientConfig(encryption_enabled=False, store_sync_tokens=False, max_timeouts=3))
    good(await client.register(name, f"password of {name}", device_name="nio"))
    assert client.user_id == f"@{name}:{server.name}"
    good(await client.sync(timeout=0))
    return client


async def texts_until(client: AsyncClient, room: str, body: str) -> list[str]:
    """Syncs until the text `body` has come; gives all texts of the room in their order."""
    seen: list[str] = []
    for _ in range(30):
        answer = good(await client.sync(timeout=2000))
        joined = answer.rooms.join.get(room)
        if joined:
            seen += [e.body for e in joined.timeline.events if isinstance(e, RoomMessageText)]
        if body in seen:
            return seen
    raise AssertionError(f"{body!r} did not come; seen: {seen}")


async def send(client: AsyncClient, room: str, body: str) -> str:
    return good(await client.room_send(room, "m.room.message", {"msgtype": "m.text", "body": body})).event_id


def test_two_people_invite_and_write(server):
    async def story():
        ada, ben = await signed_up(server, "ada"), await signed_up(server, "ben")
        created = good(await ada.room_create(name="Rue de la Paix", topic="Le comptoir", invite=[ben.user_id], is_direct=True))
        assert isinstance(created, RoomCreateResponse)
        room = created.room_id
        answer = good(await ben.sync(timeout=2000))
        assert room in answer.rooms.invite
        good(await ben.join(room))
        await send(ada, room, "Bonjour ! Les œufs sont-ils frais ?")
        assert await texts_until(ben, room, "Bonjour ! Les œufs sont-ils frais ?") == ["Bonjour ! Les œufs sont-ils frais ?"]
        await send(ben, room, "Yes 🥚")
        await texts_until(ada, room, "Yes 🥚")
        assert ada.rooms[room].name == "Rue de la Paix" and ada.rooms[room].topic == "Le comptoir"
        members = good(await ada.joined_members(room))
        assert isinstance(members, JoinedMembersResponse)
        assert {m.user_id for m in members.members} == {ada.user_id, ben.user_id}
        good(await ben.room_typing(room, True))
        good(await ada.sync(timeout=2000))
        assert ada.rooms[room].typing_users == [ben.user_id]
        good(await ben.room_leave(room))
        good(await ada.sync(timeout=2000))
        assert list(ada.rooms[room].users) == [ada.user_id]
        await ada.close()
        await ben.close()

    asynchronously(story())


def test_profile_and_second_session(server):
    async def story():
        ada = await signed_up(server, "ada")
        good(await ada.set_displayname("Ada Lovelace"))
        assert good(await ada.get_displayname()).displayname == "Ada Lovelace"
        again = AsyncClient(server.base, "ada", config=AsyncClientConfig(encryption_enabled=False))
        good(await again.login("password of ada", device_name="second"))
        devices = good(await again.devices()).devices
        assert {d.id for d in devices} == {ada.device_id, again.device_id}
        good(await again.logout())
        assert [d.id for d in good(await ada.devices()).devices] == [ada.device_id]
        refused = await again.login("a wrong password")
        assert isinstance(refused, ErrorResponse) and refused.status_code == "M_FORBIDDEN"
        await ada.close()
        await again.close()

    asynchronously(story())


def test_pictures_go_up_and_come_down(server):
    async def story():
        ada, ben = await signed_up(server, "ada"), await signed_up(server, "ben")
        room = good(await ada.room_create(invite=[ben.user_id])).room_id
        good(await ben.join(room))
        file = io.BytesIO()
        Image.effect_noise((1600, 1200), 80).convert("RGB").save(file, "JPEG")
        data = file.getvalue()
        uploaded, _ = await ada.upload(io.BytesIO(data), "image/jpeg", "café.jpg", filesize=len(data))
        assert isinstance(good(uploaded), UploadResponse) and uploaded.content_uri.startswith(f"mxc://{server.name}/")
        good(await ada.room_send(room, "m.room.message", {
            "msgtype": "m.image", "body": "café.jpg", "url": uploaded.content_uri,
            "info": {"mimetype": "image/jpeg", "size": len(data), "w": 1600, "h": 1200}}))
        answer = good(await ben.sync(timeout=2000))
        image = next(e for e in answer.rooms.join[room].timeline.events if isinstance(e, RoomMessageImage))
        down = good(await ben.download(image.url))
        assert down.body == data and down.content_type == "image/jpeg"
        small = good(await ben.thumbnail(*image.url.removeprefix("mxc://").split("/"), width=320, height=240))
        with Image.open(io.BytesIO(small.body)) as picture:
            assert picture.width <= 640 and picture.height <= 480 and len(small.body) < len(data) / 4
        missing = await ben.download(f"mxc://{server.name}/AAAAAAAAAAAAAAAAAAAAAAAA")
        assert isinstance(missing, DownloadError) and missing.status_code == "M_NOT_FOUND"
        await ada.close()
        await ben.close()

    asynchronously(story())


def test_pages_back_through_a_long_room(server):
    async def story():
        ada = await signed_up(server, "ada")
        room = good(await ada.room_create(name="long")).room_id
        sent = [await send(ada, room, f"line {n}") for n in range(250)]
        answer = good(await ada.sync(timeout=0, full_state=True))
        timeline = answer.rooms.join[room].timeline
        assert timeline.limited
        seen = [e.event_id for e in reversed(timeline.events) if isinstance(e, RoomMessageText)]
        start = timeline.prev_batch
        for _ in range(100):
            page = good(await ada.room_messages(room, start, limit=30))
            assert isinstance(page, RoomMessagesResponse) and len(page.chunk) <= 30
            seen += [e.event_id for e in page.chunk if isinstance(e, RoomMessageText)]
            if not page.end or not page.chunk:
                break
            start = page.end
        assert seen == list(reversed(sent))
        await ada.close()

    asynchronously(story())


def test_syncs_on_across_a_restart(server):
    async def story():
        ada, ben = await signed_up(server, "ada"), await signed_up(server, "ben")
        room = good(await ada.room_create(invite=[ben.user_id])).room_id
        good(await ben.join(room))
        await send(ada, room, "before")
        await texts_until(ben, room, "before")
        await send(ada, room, "unread at the restart")
        server.restart()
        await send(ada, room, "after")
        assert await texts_until(ben, room, "after") == ["unread at the restart", "after"]
        fresh = AsyncClient(server.base, "ben", config=AsyncClientConfig(encryption_enabled=False))
        good(await fresh.login("password of ben"))
        answer = good(await fresh.sync(timeout=0))
        assert isinstance(answer, SyncResponse)
        bodies = [e.body for e in answer.rooms.join[room].timeline.events if isinstance(e, RoomMessageText)]
        assert bodies == ["before", "unread at the restart", "after"]
        for client in (ada, ben, fresh):
            await client.close()

    asynchronously(story())
