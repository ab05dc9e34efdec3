"""Real reverse proxies in front of a server, with the configuration files of deploy/. scripts/setup.sh unpacks the programs."""

from __future__ import annotations

import os
import pathlib
import socket
import subprocess
import time

from server import ROOT, Server, free_port

TOOLS = ROOT / ".build/tools"
ENVIRONMENT = {**os.environ, "LD_LIBRARY_PATH": str(TOOLS / "usr/lib/x86_64-linux-gnu"), "XDG_DATA_HOME": "/tmp", "XDG_CONFIG_HOME": "/tmp"}


def tool(name: str) -> str:
    for place in ("usr/bin", "usr/sbin"):
        if (TOOLS / place / name).exists():
            return str(TOOLS / place / name)
    raise FileNotFoundError(f"{name} is not in {TOOLS}: run scripts/setup.sh test")


class Proxy:
    """A running proxy; `base` is its address."""

    def __init__(self, command: list[str], port: int, log: pathlib.Path):
        self.base = f"http://127.0.0.1:{port}"
        self.log = log
        with open(log, "ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=ENVIRONMENT)
        deadline = time.monotonic() + 15
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert self.process.poll() is None and time.monotonic() < deadline, log.read_text()[-2000:]
                time.sleep(0.05)

    def problems(self) -> str:
        return "\n".join(line[:600] for line in self.log.read_text().splitlines() if "error" in line.lower() or " 50" in line)[-3000:]

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *_) -> None:
        self.process.terminate()
        self.process.wait(20)


def caddy(server: Server) -> Proxy:
    """deploy/Caddyfile, on plain HTTP."""
    port = free_port()
    text = (ROOT / "deploy/Caddyfile").read_text().replace("shop.example {", f"http://127.0.0.1:{port} {{").replace("127.0.0.1:8008", f"127.0.0.1:{server.port}")
    file = server.directory / "Caddyfile"
    file.write_text("{\n\tadmin off\n}\n" + text)
    return Proxy([tool("caddy"), "run", "--config", str(file), "--adapter", "caddyfile"], port, server.directory / "caddy.log")


def haproxy(server: Server) -> Proxy:
    """deploy/haproxy.cfg, on plain HTTP."""
    port = free_port()
    lines = []
    for line in (ROOT / "deploy/haproxy.cfg").read_text().splitlines():
        if "bind :443" in line or "redirect scheme" in line:
            continue
        lines.append(line.replace("maxconn 20000", "maxconn 2000").replace("bind :80", f"bind 127.0.0.1:{port}").replace("127.0.0.1:8008", f"127.0.0.1:{server.port}"))
    file = server.directory / "haproxy.cfg"
    file.write_text("\n".join(lines) + "\n")
    return Proxy([tool("haproxy"), "-db", "-f", str(file)], port, server.directory / "haproxy.log")
