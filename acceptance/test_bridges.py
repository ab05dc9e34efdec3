"""Real bridges, not written by this project: heisenbridge between a room and a channel of a real IRC server, and two of mautrix."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest

from server import ROOT, SERVER_NAME, Person, Server, free_port

BRIDGES = pathlib.Path(os.environ.get("COMPTOIR_BRIDGES", ROOT / ".venv-bridges")) / "bin"


class Process:
    """A bridge or server of others, with its output in a file."""

    def __init__(self, log: pathlib.Path, *command: str, cwd: pathlib.Path):
        self.log_path = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=cwd)

    def tail(self) -> str:
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-40:])

    def wait_for_port(self, port: int, timeout: float = 30) -> None:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            assert self.process.poll() is None, f"it ended with {self.process.returncode}\n{self.tail()}"
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"nothing listens on port {port}\n{self.tail()}")

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@pytest.fixture
def processes():
    """Ends what a test has started, the last one first."""
    started: list[Process] = []
    yield started
    for process in reversed(started):
        process.end()


class Talk:
    """What a person sees in his rooms by /sync, message by message."""

    def __init__(self, person: Person):
        self.person, self.since = person, None
        self.rooms: dict[str, list[dict]] = {}
        self.invites: dict[str, str] = {}

    def look(self, timeout: int = 1000) -> None:
        answer = self.person.sync(self.since, timeout if self.since else 0)
        self.since = answer["next_batch"]
        for room, part in answer.get("rooms", {}).get("join", {}).items():
            events = [e for e in part["timeline"]["events"] if e["type"] == "m.room.message"]
            self.rooms.setdefault(room, []).extend(events)
            self.invites.pop(room, None)
        for room, part in answer.get("rooms", {}).get("invite", {}).items():
            names = [e["content"].get("name", "") for e in part["invite_state"]["events"] if e["type"] == "m.room.name"]
            self.invites[room] = names[0] if names else ""

    def said(self, room: str, by: str | None = None) -> list[str]:
        return [e["content"]["body"] for e in self.rooms.get(room, []) if by is None or e["sender"] == by]

    def wait(self, room: str, pattern: str, by: str | None = None, timeout: float = 30) -> str:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for text in self.said(room, by):
                if re.search(pattern, text):
                    return text
            self.look()
        raise AssertionError(f"nobody said '{pattern}' in {room}; there was: {[text[-300:] for text in self.said(room)]}")

    def accept(self, name: str, timeout: float = 30) -> str:
        """Joins the room to which he is invited."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for room, title in list(self.invites.items()):
                if re.search(name, title):
                    self.person.join(room)
                    del self.invites[room]
                    return room
            self.look()
        raise AssertionError(f"no invite to '{name}'; there were: {self.invites}")


class IRC:
    """A person at an IRC client."""

    def __init__(self, port: int, nick: str):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.buffer, self.lines = b"", []
        self.nick = nick
        self.say(f"NICK {nick}")
        self.say(f"USER {nick} 0 * :{nick}")
        self.wait(r" 001 ")

    def say(self, line: str) -> None:
        self.socket.sendall(line.encode() + b"\r\n")

    def look(self, timeout: float = 0.5) -> None:
        self.socket.settimeout(timeout)
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            return
        assert data, "the IRC server has closed the connection"
        *lines, self.buffer = (self.buffer + data).split(b"\r\n")
        for line in lines:
            text = line.decode(errors="replace")
            if text.startswith("PING"):
                self.say("PONG" + text[4:])
            self.lines.append(text)

    def wait(self, pattern: str, timeout: float = 30) -> str:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for line in self.lines:
                if re.search(pattern, line):
                    return line
            self.look()
        raise AssertionError(f"IRC never said '{pattern}'; it said: {self.lines[-20:]}")

    def count(self, pattern: str) -> int:
        return sum(1 for line in self.lines if re.search(pattern, line))

    def close(self) -> None:
        self.socket.close()


def irc_server(directory: pathlib.Path, processes: list[Process]) -> int:
    port = free_port()
    config = directory / "ngircd.conf"
    config.write_text(f"""
[Global]
Name = irc.acceptance.test
Info = acceptance
AdminEMail = nobody@acceptance.test
Listen = 127.0.0.1
Ports = {port}
[Limits]
MaxConnectionsIP = 0
MaxPenaltyTime = 0
[Options]
DNS = no
Ident = no
PAM = no
""")
    for path in [directory, *directory.parents]:       # it gives up its rights, and must still read its configuration
        if path.owner() == "root" and path != pathlib.Path("/") and path != pathlib.Path("/tmp"):
            path.chmod(path.stat().st_mode | 0o755)
    process = Process(directory / "ngircd.log", "/usr/sbin/ngircd", "-n", "-f", str(config), cwd=directory)
    processes.append(process)
    process.wait_for_port(port)
    return port


def test_a_room_and_an_irc_channel_talk_to_each_other(tmp_path, processes):
    irc_port, bridge_port = irc_server(tmp_path, processes), free_port()
    registration = tmp_path / "heisenbridge.yaml"
    subprocess.run([BRIDGES / "heisenbridge", "-c", registration, "--generate", "-l", "127.0.0.1", "-p", str(bridge_port)],
                   check=True, capture_output=True, timeout=60)
    with Server("--appservice", str(registration)) as server:
        owner = server.register("owner")
        bridge = Process(tmp_path / "heisenbridge.log", str(BRIDGES / "heisenbridge"), "-v", "-c", str(registration), "-l", "127.0.0.1",
                         "-p", str(bridge_port), "-o", owner.id, server.base, cwd=tmp_path)
        processes.append(bridge)
        bridge.wait_for_port(bridge_port)
        talk, bot = Talk(owner), f"@heisenbridge:{SERVER_NAME}"

        control = owner.create_room(preset="trusted_private_chat", is_direct=True, invite=[bot])
        talk.wait(control, "Howdy", by=bot)
        owner.send(control, "ADDNETWORK local")
        talk.wait(control, "(?i)network.*local|added")
        owner.send(control, f"ADDSERVER local 127.0.0.1 {irc_port}")
        talk.wait(control, "(?i)server .*added|added")
        owner.send(control, "OPEN local")
        network = talk.accept("local")
        talk.wait(network, "(?i)welcome")
        owner.send(network, "NICK owner")
        owner.send(network, "CONNECT")
        talk.wait(network, "End of MOTD")
        owner.send(network, "JOIN #shop")
        channel = talk.accept("#shop")

        guest = IRC(irc_port, "guest")
        guest.say("JOIN #shop")
        guest.wait(r"366 guest #shop")

        def both_ways(number: int) -> None:
            owner.send(channel, f"bonjour {number} ☕")
            guest.wait(rf":owner!.* PRIVMSG #shop :bonjour {number} ☕")
            guest.say(f"PRIVMSG #shop :salut {number}")
            talk.wait(channel, rf"^salut {number}$")
            speaker = [e["sender"] for e in talk.rooms[channel] if e["content"]["body"] == f"salut {number}"]
            assert len(speaker) == 1 and "guest" in speaker[0] and speaker[0] != owner.id, speaker

        both_ways(1)
        server.restart()
        both_ways(2)

        # The bridge stands still, the server dies: what was said reaches the channel once, and in order.
        bridge.process.send_signal(signal.SIGSTOP)
        owner.send(channel, "said while the bridge was away 1")
        owner.send(channel, "said while the bridge was away 2")
        time.sleep(0.3)
        server.kill()
        bridge.process.send_signal(signal.SIGCONT)
        server.start()
        guest.wait("bridge was away 2", timeout=60)
        both_ways(3)
        assert [line.split(" :", 1)[1] for line in guest.lines if "bridge was away" in line] == [
            "said while the bridge was away 1", "said while the bridge was away 2"]
        guest.close()
        assert not server.crashed(), server.tail()


MAUTRIX = {
    "telegram": ("mautrix_telegram", "!tg", "telegram: {api_id: 54321, api_hash: '00112233445566778899aabbccddeeff', bot_token: disabled}"),
    "googlechat": ("mautrix_googlechat", "!gc", ""),
}


@pytest.mark.parametrize("kind", MAUTRIX)
def test_a_mautrix_bridge_starts_registers_and_answers(kind, tmp_path, processes):
    module, prefix, more = MAUTRIX[kind]
    server = Server()
    port = free_port()
    config, registration = tmp_path / "config.yaml", tmp_path / "registration.yaml"
    config.write_text(f"""
homeserver: {{address: "{server.base}", domain: {SERVER_NAME}, verify_ssl: false}}
appservice:
  address: http://127.0.0.1:{port}
  hostname: 127.0.0.1
  port: {port}
  database: "sqlite:{tmp_path}/bridge.db"
  bot_avatar: remove
bridge:
  permissions: {{"*": relaybot, "{SERVER_NAME}": {"full" if kind == "telegram" else "user"}}}
{more}
""")
    python = str(BRIDGES / "python")
    made = subprocess.run([python, "-m", module, "-g", "-c", config, "-r", registration], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert registration.exists(), made.stdout + made.stderr
    server.arguments += ["--appservice", str(registration)]
    with server:
        # A service is told no when it names a user that it has not registered.
        token = re.search(r"as_token: (\S+)", registration.read_text())[1]
        answer = server.register().request("GET", "/_matrix/client/versions", params={"user_id": f"@{kind}_1:{SERVER_NAME}"},
                                           headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["errcode"]) == (403, "M_FORBIDDEN")

        bridge = Process(tmp_path / "bridge.log", python, "-m", module, "-c", str(config), "-r", str(registration), cwd=tmp_path)
        processes.append(bridge)
        bridge.wait_for_port(port)
        person, bot = server.register("alice"), f"@{kind}bot:{SERVER_NAME}"
        talk = Talk(person)
        room = person.create_room(preset="trusted_private_chat", is_direct=True, invite=[bot])
        try:
            end = time.monotonic() + 30
            while person.call("GET", f"/_matrix/client/v3/rooms/{room}/joined_members")["joined"].get(bot) is None:
                assert time.monotonic() < end, "the bot did not join"
                time.sleep(0.1)
            person.send(room, f"{prefix} help")
            answer = talk.wait(room, r"\*\*help\*\*|help - |help\b.*message", by=bot)
            assert "login" in answer
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{bridge.tail()}\n{server.tail()}") from problem
        assert not server.crashed(), server.tail()
