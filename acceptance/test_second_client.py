"""matrix-commander, a command-line Matrix client that this project did not write, run as a person runs it."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import threading
import time

import pytest
from PIL import Image

from server import Server

COMMANDER = pathlib.Path(sys.executable).with_name("matrix-commander")


@pytest.fixture
def server():
    """It takes the room ids of version 12, which have no server part, for mistyped ones: so these rooms are of version 11."""
    with Server("--default-room-version", "11") as server:
        yield server
        assert not server.crashed(), f"the server crashed\n{server.tail()}"


class Commander:
    """One sign-in of matrix-commander: its credentials file and its store."""

    def __init__(self, server: Server, directory: pathlib.Path, name: str, password: str, room: str):
        self.directory = directory
        directory.mkdir()
        self.files = ["--credentials", str(directory / "credentials.json"), "--store", str(directory / "store")]
        self.run("--login", "password", "--homeserver", server.base, "--user-login", f"@{name}:{server.name}",
                 "--password", password, "--device", "terminal", "--room-default", room)

    def run(self, *arguments: str, timeout: float = 60) -> str:
        done = subprocess.run([str(COMMANDER), *self.files, *arguments], capture_output=True, text=True, timeout=timeout,
                              cwd=self.directory, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"matrix-commander {arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def listen(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen([str(COMMANDER), *self.files, "--listen", "forever", *arguments], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, cwd=self.directory, stdin=subprocess.DEVNULL)


def test_a_person_at_a_terminal(server, tmp_path):
    shop, guest = server.register("shop"), server.register("guest")
    room = shop.create_room(preset="public_chat", name="Comptoir")
    commander = Commander(server, tmp_path / "guest", "guest", guest.password, room)

    # joins, writes, reads
    commander.run("--room-join", room, "--plain")
    commander.run("--message", "Bonjour du terminal ☕", "--plain")
    texts = [e["content"]["body"] for e in shop.history(room) if e["type"] == "m.room.message"]
    assert texts == ["Bonjour du terminal ☕"]
    shop.send(room, "Bonjour, que puis-je faire ?")
    assert "Bonjour, que puis-je faire ?" in commander.run("--listen", "tail", "--tail", "3", "--listen-self")

    # a picture: this client encrypts every attachment, so the server holds other bytes, as many
    picture = tmp_path / "photo.png"
    Image.effect_noise((640, 480), 60).convert("RGB").save(picture)
    commander.run("--image", str(picture), "--plain")
    content = [e for e in shop.history(room) if e["type"] == "m.room.message"][-1]["content"]
    assert content["msgtype"] == "m.image" and content["info"]["w"] == 640
    stored = shop.request("GET", "/_matrix/client/v1/media/download/" + content["file"]["url"].removeprefix("mxc://"))
    assert stored.status_code == 200 and len(stored.content) == picture.stat().st_size

    # a file in the open: up and down
    uri = next(word for word in commander.run("--upload", str(picture), "--plain").split() if word.startswith("mxc://"))
    commander.run("--download", uri, "--file-name", str(tmp_path / "copy.png"), "--plain")
    assert (tmp_path / "copy.png").read_bytes() == picture.read_bytes()

    # what a person asks about an account
    assert guest.id in commander.run("--whoami")
    commander.run("--set-display-name", "Invitée")
    assert "Invitée" in commander.run("--get-display-name")
    assert shop.id in commander.run("--joined-members", room)
    assert room in commander.run("--joined-rooms")


def test_rooms_made_at_a_terminal(server, tmp_path):
    shop, guest = server.register("shop"), server.register("guest")
    hall = shop.create_room(preset="public_chat")
    commander = Commander(server, tmp_path / "guest", "guest", guest.password, hall)
    commander.run("--room-create", "", "--name", "Atelier", "--topic", "Réparations", "--plain")
    room = next(r for r in guest.sync()["rooms"]["join"] if r != hall)
    commander.run("--room-invite", room, "--user", shop.id)
    assert room in shop.sync()["rooms"]["invite"]
    shop.join(room)
    commander.run("--message", "par ici", "--room", room, "--plain")
    assert [e["content"]["body"] for e in shop.history(room) if e["type"] == "m.room.message"] == ["par ici"]
    commander.run("--room-leave", room)
    members = shop.call("GET", f"/_matrix/client/v3/rooms/{room}/joined_members")["joined"]
    assert list(members) == [shop.id]


def test_listens_and_catches_up_after_a_restart_of_the_server(server, tmp_path):
    shop, guest = server.register("shop"), server.register("guest")
    room = shop.create_room(preset="public_chat")
    guest.join(room)
    commander = Commander(server, tmp_path / "guest", "guest", guest.password, room)
    heard: list[str] = []
    listening = commander.listen()
    copying = threading.Thread(target=lambda: heard.extend(iter(listening.stdout.readline, "")), daemon=True)
    copying.start()
    try:
        # the listener tells nobody when it is ready: say it once a second until it was heard
        deadline = time.monotonic() + 60
        while not any("are you there?" in line for line in heard):
            assert time.monotonic() < deadline, f"not heard; printed: {heard}"
            shop.send(room, "are you there?")
            time.sleep(1)
    finally:
        listening.terminate()
        listening.wait(20)
        copying.join(20)
    shop.send(room, "written while you were away")
    server.restart()
    assert "written while you were away" in commander.run("--listen", "once")
