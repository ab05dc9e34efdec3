"""A small internet in a network namespace of its own: pages on public addresses, things on inner ones that must not be reached, and a name
server that changes its answers. Run by test_ssrf.py; prints what every address was asked, as JSON.

    unshare --net --mount python ssrf_world.py < cases.json > report.json
"""

from __future__ import annotations

import json
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import httpx

from server import Server

PUBLIC4, PUBLIC6 = "93.184.216.34", "2a01:4f8::10"
INNER4 = ["10.0.0.1", "100.64.0.1", "169.254.169.254", "172.16.0.1", "192.0.0.1", "192.168.0.1", "198.18.0.1", "203.0.113.1"]
INNER6 = ["fd00::1", "fec0::1", "2001:db8::1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::1", "2002:a00:1::1", "100::1"]
NAMESERVER = "127.0.0.53"
PORTS = (80, 81)


def command(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def build_network() -> None:
    """Every address is here, on the loopback device: what is asked of it arrives."""
    command("ip", "link", "set", "lo", "up")
    for address in [PUBLIC4, *INNER4]:
        command("ip", "address", "add", address + "/32", "dev", "lo")
    for address in [PUBLIC6, *INNER6]:
        command("ip", "-6", "address", "add", address + "/128", "dev", "lo", "nodad")
    command("ip", "-6", "address", "add", "fe80::1/64", "dev", "lo", "nodad")
    # 0.0.0.0/8, 224/4 and 240/4 lead here as well, as far as the system lets them.
    for network in ["0.0.0.0/8", "240.0.0.0/4"]:
        subprocess.run(["ip", "route", "add", "local", network, "dev", "lo"], capture_output=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="ssrf-"))
    (directory / "resolv.conf").write_text(f"nameserver {NAMESERVER}\noptions timeout:1 attempts:2\n")
    (directory / "nsswitch.conf").write_text("hosts: files dns\n")
    for name in ("resolv.conf", "nsswitch.conf"):
        target = pathlib.Path("/etc", name).resolve()
        command("mount", "--bind", str(directory / name), str(target))


class Names:
    """A name server. `answers` is, for a name, a list of lists of addresses: the first question gets the first, the last stays."""

    def __init__(self, answers: dict[str, list[list[str]]]):
        self.answers, self.asked = answers, {name: 0 for name in answers}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((NAMESERVER, 53))
        self.lock = threading.Lock()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            question, peer = self.socket.recvfrom(2048)
            self.socket.sendto(self.answer(question), peer)

    def answer(self, question: bytes) -> bytes:
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode())
            at += 1 + question[at]
        name, (kind, _) = ".".join(labels).lower(), struct.unpack("!HH", question[at + 1 : at + 5])
        rows = self.answers.get(name)
        records = b""
        count = 0
        if rows is not None:
            with self.lock:
                turn = rows[min(self.asked[name] // 2, len(rows) - 1)]   # A and AAAA are asked together
                self.asked[name] += 1
            for address in turn:
                if address.startswith("cname:"):
                    target = b"".join(bytes([len(part)]) + part.encode() for part in address[6:].split(".")) + b"\0"
                    records += b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 0, len(target)) + target
                    count += 1
                    inner = "127.0.0.1" if kind == 1 else "::1"
                    data = socket.inet_pton(socket.AF_INET if kind == 1 else socket.AF_INET6, inner)
                    records += target + struct.pack("!HHIH", kind, 1, 0, len(data)) + data
                    count += 1
                elif (":" in address) == (kind == 28) and kind in (1, 28):
                    data = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
                    records += b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(data)) + data
                    count += 1
        flags = 0x8180 if rows is not None else 0x8183
        return question[:2] + struct.pack("!HHHHH", flags, 1, count, 0, 0) + question[12 : at + 5] + records


class Everywhere:
    """Listens on all addresses. Public ones serve pages and send on to where the case wants; every connection is written down."""

    def __init__(self, redirects: dict[str, str]):
        self.redirects, self.reached, self.lock = redirects, [], threading.Lock()
        for port in PORTS:
            listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("::", port))
            listener.listen(64)
            threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        address = connection.getsockname()[0].removeprefix("::ffff:")
        connection.settimeout(5)
        try:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(4096)
                if not piece:
                    break
                head += piece
            path = head.split(b" ")[1].decode() if head.count(b" ") > 1 else ""
            with self.lock:
                self.reached.append([address, path])
            if path in self.redirects:
                connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {self.redirects[path]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            else:
                picture = f"http://{path[9:]}/picture" if path.startswith("/picture-") else ""
                page = f"<html><head><title>Secret of {address}</title><meta property='og:image' content='{picture}'></head></html>".encode()
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(page) + page)
        except OSError:
            pass
        finally:
            connection.close()


def main() -> None:
    world = json.load(sys.stdin)
    build_network()
    Names(world["names"])
    everywhere = Everywhere(world["redirects"])
    # Whoever gets through is seen: each of these answers.
    doors = ["127.0.0.1", "::1", PUBLIC4, PUBLIC6, *INNER4, *INNER6]
    for address in doors:
        with socket.create_connection((address, PORTS[0]), timeout=5) as door:
            door.sendall(b"GET /door HTTP/1.1\r\n\r\n")
            assert b"Secret of " + address.encode() in door.recv(4096), f"{address} is deaf"
    report = []
    # With the switch of the tests for loopback and without; the first must be no way to other inner addresses.
    flags = Server.TEST_FLAGS[:-1] if not world.get("loopback") else Server.TEST_FLAGS
    with Server(*flags, test_flags=False) as server, httpx.Client(base_url=server.base, timeout=60, trust_env=False) as client:
        session = client.post("/_matrix/client/v3/register", json={"username": "u", "password": "a long password", "auth": {"type": "m.login.dummy"}}).json()
        client.headers["Authorization"] = "Bearer " + session["access_token"]
        for case in world["cases"]:
            everywhere.reached.clear()
            answers = []
            for _ in range(case.get("times", 1)):
                answer = client.get("/_matrix/client/v1/media/preview_url", params={"url": case["url"]})
                answers.append([answer.status_code, answer.json()])
            time.sleep(0.05)
            report.append({"url": case["url"], "answers": answers, "reached": list(everywhere.reached)})
    json.dump(report, sys.stdout)


main()
