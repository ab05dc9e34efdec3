"""End-to-bridge encryption: a bridge of mautrix's parts and a person with matrix-nio encrypt to each other, in a room of which the server
sees ciphertext only. The bridge never syncs: keys, changes of devices and counts of its keys reach it by transactions alone."""

from __future__ import annotations

import json
import pathlib
import signal
import time

from encrypted import Device, good
from server import SERVER_NAME, Person, Server, asynchronously, free_port
from test_bridges import BRIDGES, Process, processes    # noqa: F401 (a fixture)

BOT = f"@echobot:{SERVER_NAME}"


class EncryptedBridge:
    def __init__(self, directory: pathlib.Path, processes: list[Process]):
        self.directory, self.processes, self.port = directory, processes, free_port()
        self.registration, self.heard = directory / "echo.yaml", directory / "heard.jsonl"
        self.registration.write_text(f"""
id: echo
url: http://127.0.0.1:{self.port}
as_token: as-token-of-echo
hs_token: hs-token-of-echo
sender_localpart: echobot
rate_limited: false
receive_ephemeral: true
org.matrix.msc3202: true
io.element.msc4190: true
namespaces:
  users: [{{regex: '@_echo_.*:{SERVER_NAME}', exclusive: true}}]
""")

    def start(self, server: Server) -> None:
        self.server, config = server, self.directory / "config.json"
        config.write_text(json.dumps({
            "id": "echo", "server": server.base, "domain": SERVER_NAME, "port": self.port, "bot": "echobot", "as_token": "as-token-of-echo",
            "hs_token": "hs-token-of-echo", "directory": str(self.directory), "heard": str(self.heard)}))
        before = len(self.notes("started"))
        self.process = Process(self.directory / "bridge.log", str(BRIDGES / "python"), str(pathlib.Path(__file__).with_name("encrypted_bridge.py")),
                               str(config), cwd=self.directory)
        self.processes.append(self.process)
        self.process.wait_for_port(self.port)
        self.wait(lambda: len(self.notes("started")) > before, "it did not start")

    def notes(self, what: str) -> list:
        lines = self.heard.read_text().splitlines() if self.heard.exists() else []
        return [note[what] for note in map(json.loads, lines) if what in note]

    def wait(self, condition, what: str, timeout: float = 30) -> None:
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, f"{what}\n{self.process.tail()}\n{self.server.tail()}"
            time.sleep(0.05)

    def keys_left(self, person: Person) -> int:
        """One-time keys that the server has for the bridge's device."""
        answer = person.request("POST", "/_matrix/client/v3/keys/upload", {}, headers={"Authorization": "Bearer as-token-of-echo"},
                                params={"device_id": self.notes("started")[-1]})
        assert answer.status_code == 200, answer.text
        return answer.json()["one_time_key_counts"]["signed_curve25519"]


def test_a_bridge_and_a_person_encrypt_to_each_other_across_a_crash(tmp_path, processes):
    bridge = EncryptedBridge(tmp_path, processes)

    async def story(server: Server):
        observer = server.register()
        bridge.start(server)
        # It uploads its first keys when a transaction says that it has none.
        bridge.wait(lambda: bridge.keys_left(observer) >= 50, "the bridge has uploaded no keys")

        phone = await Device(server, tmp_path / "phone", "ada").register()
        devices = [phone]
        room = await phone.encrypted_room(name="Sous clé", invite=[BOT])
        bridge.wait(lambda: room in bridge.notes("joined"), "the bridge did not come")
        for _ in range(20):
            await phone.turn()
            if phone.client.device_store[BOT]:
                break
        said: list[str] = []

        async def exchange(*bodies: str) -> None:
            """Says it all; every device of hers reads each answer."""
            for body in bodies:
                said.append(body)
                await phone.say(room, body)
            for device in devices:
                await device.read(*("echo of " + body for body in bodies))

        for number in range(5):
            await exchange(f"bonjour {number} 🔑")
        assert "bonjour" not in server.log() and b"bonjour" not in b"".join(p.read_bytes() for p in server.data.rglob("*") if p.is_file())

        # Her second device is one that the bridge encrypts for from its first message on, because it hears of it.
        async def another(name: str) -> None:
            device = await Device(server, tmp_path / name, "ada").login()
            await device.turn()
            await phone.turn()
            devices.append(device)
        await another("tablet")
        await exchange("with a tablet")
        # Somebody has claimed keys; the bridge hears of that too and makes new ones.
        bridge.wait(lambda: bridge.keys_left(observer) >= 50, "the bridge has not replaced its used keys")

        # The bridge stands still: a third device, a key and two messages wait for it, and the server dies.
        bridge.process.process.send_signal(signal.SIGSTOP)
        await another("laptop")
        for body in ("while it was away 1", "while it was away 2"):
            said.append(body)
            await phone.say(room, body)
        time.sleep(0.3)
        server.kill()
        server.start()    # first: the transaction that the bridge holds asks it for keys
        bridge.process.process.send_signal(signal.SIGCONT)
        for device in devices:
            await device.read("echo of while it was away 1", "echo of while it was away 2")
        await exchange(*(f"after the crash {number}" for number in range(5)))

        # The bridge begins anew with what it has stored.
        bridge.process.end()
        bridge.start(server)
        await exchange("after its restart")
        await another("watch")
        await exchange("with a watch")

        assert bridge.notes("read") == said           # each once, in order
        assert bridge.notes("unreadable") == []
        assert len(set(bridge.notes("started"))) == 1   # one device for ever
        bridge.wait(lambda: phone.client.user_id in bridge.notes("presence"), "the bridge heard of nobody's presence")
        for device in devices:
            await device.client.close()
        assert not server.crashed(), server.tail()

    with Server("--appservice", str(bridge.registration)) as server:
        asynchronously(story(server))
