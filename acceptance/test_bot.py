"""A bot made with simplematrixbotlib, a library that this project did not write, as a process of its own: it is invited, joins and
answers commands in an open and in an encrypted room, while the server restarts and after the bot itself does."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import time

from nio import RoomMemberEvent, RoomMessage, RoomMessageNotice, RoomMessageText

from encrypted import Device, good
from server import ROOT, Person, Server, asynchronously


class Parrot:
    """The process of `parrot.py`."""

    def __init__(self, server: Server, directory: pathlib.Path, account: Person):
        self.server, self.directory, self.account = server, directory, account
        directory.mkdir()
        self.process: subprocess.Popen | None = None
        self.starts = 0

    def start(self) -> None:
        """Ends when the bot has signed in: what it is sent before that, it ignores."""
        command = [sys.executable, "-u", str(ROOT / "acceptance/parrot.py"), self.server.base, self.account.name, self.account.password]
        with open(self.directory / "out.log", "ab") as log:
            self.process = subprocess.Popen(command, cwd=self.directory, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.starts += 1
        end = time.monotonic() + 30
        while self.tail().count("Connected to") < self.starts:
            assert self.process.poll() is None and time.monotonic() < end, "the bot did not sign in"
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        self.process.wait(10)

    def tail(self) -> str:
        return "\n".join((self.directory / "out.log").read_text(errors="replace").splitlines()[-40:])


async def asked(person: Device, room: str, question: str, answer: str, kind: type = RoomMessageNotice) -> RoomMessage:
    await person.say(room, question)
    return await person.until(lambda e: isinstance(e, kind) and e.body == answer)


def test_a_bot_answers_in_open_and_encrypted_rooms_and_across_restarts(server, tmp_path):
    account = server.register("parrot")
    parrot = Parrot(server, tmp_path / "parrot", account)

    async def story():
        ada = await Device(server, tmp_path / "ada", "ada").register()
        parrot.start()
        hall = good(await ada.client.room_create(name="Hall", invite=[account.id])).room_id
        safe = await ada.encrypted_room(name="Coffre", invite=[account.id])
        joined: set[str] = set()

        def both(event) -> bool:
            if isinstance(event, RoomMemberEvent) and event.state_key == account.id and event.membership == "join":
                joined.add(event.event_id)
            return len(joined) == 2
        await ada.until(both)

        await asked(ada, hall, "!echo bonjour à tous", "bonjour à tous")
        event = await asked(ada, safe, "!echo entre nous", "entre nous")
        assert event.decrypted
        total = await asked(ada, safe, "!sum 40 2", "**42**", RoomMessageText)
        assert total.formatted_body == "<p><strong>42</strong></p>"

        server.restart()
        await asked(ada, hall, "!echo encore là ?", "encore là ?")
        assert (await asked(ada, safe, "!echo toujours sous clé", "toujours sous clé")).decrypted

        # The bot comes back with the session and the keys that it has stored.
        devices = {d["device_id"] for d in account.call("GET", "/_matrix/client/v3/devices")["devices"]}
        parrot.stop()
        parrot.start()
        assert (await asked(ada, safe, "!echo de retour", "de retour")).decrypted
        assert {d["device_id"] for d in account.call("GET", "/_matrix/client/v3/devices")["devices"]} == devices
        await ada.client.close()

    try:
        asynchronously(story())
    except BaseException as problem:
        problem.add_note(parrot.tail())
        raise
    finally:
        parrot.stop()
