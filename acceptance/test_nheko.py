"""nheko, a desktop client that this project did not write, shows an encrypted conversation and answers in it.

It runs in a virtual screen. Its sign-in is put into its settings; the reply is typed on a virtual keyboard."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import subprocess
import time

import browser
from encrypted import Device
from nio import RoomMessageText
from server import asynchronously


@contextlib.contextmanager
def screen(directory: pathlib.Path):
    """A display of its own: gives the environment for programs that show themselves there."""
    read, write = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1200x800x24", "-nolisten", "tcp"], pass_fds=[write],
                              stderr=open(directory / "xvfb.log", "wb"))
    os.close(write)
    try:
        with os.fdopen(read) as pipe:
            number = pipe.readline().strip()
        assert number, (directory / "xvfb.log").read_text()
        home = directory / "home"
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "DISPLAY": f":{number}", "LANG": "C.UTF-8", "XDG_RUNTIME_DIR": str(directory),
                       "XDG_CONFIG_HOME": str(home / "config"), "XDG_DATA_HOME": str(home / "data"), "XDG_CACHE_HOME": str(home / "cache"),
                       "LIBGL_ALWAYS_SOFTWARE": "1", "QT_QUICK_BACKEND": "software", "DBUS_SESSION_BUS_ADDRESS": "disabled:", "QT_LOGGING_RULES": "*.debug=false"}
        yield environment
    finally:
        server.terminate()
        server.wait()


def settings(environment: dict, server, person) -> None:
    path = pathlib.Path(environment["XDG_CONFIG_HOME"]) / "nheko/nheko.conf"
    path.parent.mkdir(parents=True)
    path.write_text(f"""[General]
run_without_secure_secrets_service=true

[auth]
access_token={person.token}
device_id={person.device}
home_server={server.base}
user_id={person.id}

[user]
theme=light
online_key_backup=false

[window]
height=760
width=1160
""")


class Hands:
    """Mouse and keyboard of the virtual screen, and its photographs."""

    def __init__(self, environment: dict):
        self.environment = environment

    def do(self, *what) -> str:
        return subprocess.run(["xdotool", *map(str, what)], env=self.environment, capture_output=True, text=True, timeout=10).stdout

    def focus(self, program: str) -> None:
        for _ in range(100):
            windows = self.do("search", "--onlyvisible", "--class", program).split()
            if windows:
                self.do("windowfocus", windows[0])
                return
            time.sleep(0.1)
        raise AssertionError(f"{program} shows no window")

    def click(self, x: int, y: int) -> None:
        self.do("mousemove", x, y, "click", 1)

    def photograph(self, name: str) -> None:
        browser.OUT.mkdir(exist_ok=True)
        subprocess.run(["import", "-window", "root", str(browser.OUT / f"{name}.png")], env=self.environment, check=True, timeout=20)


async def eventually(what, is_so, turn, seconds: float = 20) -> None:
    """Turns until it is so."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"{what}: it did not happen"
        await turn()


def test_nheko_reads_and_answers_an_encrypted_conversation(server, tmp_path):
    ben = server.register("ben")
    log = tmp_path / "nheko.log"

    async def story():
        ada = await Device(server, tmp_path / "ada", "ada").register()
        with screen(tmp_path) as environment:
            settings(environment, server, ben)
            room = await ada.encrypted_room(name="Sous clé", invite=[ben.id])
            ben.join(room)
            nheko = subprocess.Popen(["nheko", "--log-level", "debug", "--log-type", "stderr"], env=environment, stdin=subprocess.DEVNULL,
                                     stdout=open(log, "wb"), stderr=subprocess.STDOUT)
            try:
                await walk(ada, room, ben, Hands(environment), log)
            except BaseException:
                print(log.read_text(errors="replace")[-4000:])
                raise
            finally:
                nheko.terminate()
                nheko.wait(10)
        await ada.client.close()

    asynchronously(story())


async def walk(ada, room, ben, hands, log):
    async def turn():
        await ada.turn(100)

    await eventually("nheko uploads its keys", lambda: ben.device in ada.client.device_store[ben.id], turn)
    await ada.say(room, "Le coffre est ouvert à midi.")
    asked = await ada.say(room, "Tu viens ?")
    hands.focus("nheko")

    # It offers to set up cross-signing, secrets kept by the server, and a backup: OK.
    async def accept():
        hands.click(1008, 721)
        await ada.turn(300)
    await eventually("nheko sets up encryption", lambda: "Crosssigning keys uploaded" in log.read_text(errors="replace"), accept)

    def stored(path: str) -> bool:
        return ben.request("GET", f"/_matrix/client/v3/{path}").status_code == 200
    await eventually("nheko keeps its secrets", lambda: all(stored(f"user/{ben.id}/account_data/m.cross_signing.{key}") for key in ("master", "self_signing", "user_signing")), turn)
    assert stored("room_keys/version")
    keys = ben.call("POST", "/_matrix/client/v3/keys/query", {"device_keys": {ben.id: []}})
    assert ben.id in keys["master_keys"] and ben.id in keys["self_signing_keys"] and ben.id in keys["user_signing_keys"]

    hands.click(1104, 412)    # "This is your recovery key": OK
    opened = subprocess.run(["nheko", f"matrix:roomid/{room.removeprefix('!')}"], env=hands.environment, capture_output=True, timeout=10)
    assert b"to main application" in opened.stdout, opened

    # What it has on its screen it calls read.
    def has_read(event: str) -> bool:
        return getattr(ada.client.rooms[room].read_receipts.get(ben.id), "event_id", None) == event
    await eventually("nheko opens the room", lambda: has_read(asked), turn)
    hands.do("type", "--delay", "15", "J'arrive")
    hands.do("key", "Return")
    answer = await ada.until(lambda e: isinstance(e, RoomMessageText) and e.body == "J'arrive")
    assert answer.decrypted and answer.sender == ben.id

    last = await ada.say(room, "À tout de suite !")
    await eventually("nheko shows the last message", lambda: has_read(last), turn)
    hands.photograph("nheko-encrypted")
    unreadable = [line for line in log.read_text(errors="replace").splitlines() if re.search(r"(failed|unable) to decrypt|decryption (failed|error)|no megolm session|missing session", line, re.I)]
    assert not unreadable
