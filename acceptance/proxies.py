"""Real reverse proxies in front of a server, with the configuration files of deploy/. scripts/setup.sh unpacks the programs."""

from __future__ import annotations

import os
import pathlib
import socket
import ssl
import subprocess
import time

import httpx

from server import ROOT, Server, free_port

TOOLS = ROOT / ".build/tools"
ENVIRONMENT = {**os.environ, "LD_LIBRARY_PATH": str(TOOLS / "usr/lib/x86_64-linux-gnu"), "XDG_DATA_HOME": "/tmp", "XDG_CONFIG_HOME": "/tmp"}


def tool(name: str) -> str:
    for place in ("usr/bin", "usr/sbin"):
        if (TOOLS / place / name).exists():
            return str(TOOLS / place / name)
    raise FileNotFoundError(f"{name} is not in {TOOLS}: run scripts/setup.sh test")


NAME = "shop.example"
"""What the files of deploy/ call the server; with HTTPS it is asked for by this name, at 127.0.0.1."""


class Proxy:
    """A running proxy; `base` is its address, `trust` the file with its certificate where it speaks HTTPS."""

    def __init__(self, command: list[str], port: int, log: pathlib.Path, trust: pathlib.Path | None = None):
        self.port, self.trust = port, trust
        self.base = f"{'https' if trust else 'http'}://127.0.0.1:{port}"
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

    def client(self, local: str | None = None, **options) -> httpx.Client:
        """Asks by HTTPS for the name, as a browser does; from the address `local`."""
        class Named(httpx.HTTPTransport):
            def handle_request(self, request):
                request.extensions["sni_hostname"] = NAME
                return super().handle_request(request)

        deadline = time.monotonic() + 15
        while not self.trust.exists():          # Caddy makes it at its first start
            assert time.monotonic() < deadline, self.log.read_text()[-2000:]
            time.sleep(0.05)
        context = ssl.create_default_context(cafile=str(self.trust))
        headers = {"Host": NAME, **options.pop("headers", {})}
        return httpx.Client(base_url=self.base, transport=Named(verify=context, local_address=local), headers=headers, timeout=60, **options)

    def problems(self) -> str:
        return "\n".join(line[:600] for line in self.log.read_text().splitlines() if "error" in line.lower() or " 50" in line)[-3000:]

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *_) -> None:
        self.process.terminate()
        self.process.wait(20)


def caddy(server: Server, tls: bool = False) -> Proxy:
    """deploy/Caddyfile, on plain HTTP, or with a certificate of its own authority."""
    port = free_port()
    site = f"{NAME}:{port} {{\n\ttls internal" if tls else f"http://127.0.0.1:{port} {{"
    text = (ROOT / "deploy/Caddyfile").read_text().replace(f"{NAME} {{", site).replace("127.0.0.1:8008", f"127.0.0.1:{server.port}")
    file, authority = server.directory / "Caddyfile", server.directory / "authority"
    file.write_text(text.replace("grace_period 10s", f"grace_period 2s\n\tdefault_bind 127.0.0.1\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n\tstorage file_system {authority}"))
    return Proxy([tool("caddy"), "run", "--config", str(file), "--adapter", "caddyfile"], port, server.directory / "caddy.log",
                 authority / "pki/authorities/local/root.crt" if tls else None)


def _certificate(server: Server) -> pathlib.Path:
    """A certificate for the name, with its key in the same file."""
    both, key = server.directory / "proxy.pem", server.directory / "proxy.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", both, "-days", "2", "-subj", f"/CN={NAME}",
                    "-addext", f"subjectAltName=DNS:{NAME}"], check=True, capture_output=True)
    both.write_text(both.read_text() + key.read_text())
    return both


def haproxy(server: Server, tls: bool = False) -> Proxy:
    """deploy/haproxy.cfg, on plain HTTP, or with a certificate."""
    port = free_port()
    lines = []
    certificate = _certificate(server) if tls else pathlib.Path()
    for line in (ROOT / "deploy/haproxy.cfg").read_text().splitlines():
        if ("bind :80" in line or "redirect scheme" in line) if tls else ("bind :443" in line or "redirect scheme" in line):
            continue
        line = line.replace("bind :443", f"bind 127.0.0.1:{port}").replace("/etc/haproxy/shop.example.pem", str(certificate))
        lines.append(line.replace("maxconn 20000", "maxconn 2000").replace("bind :80", f"bind 127.0.0.1:{port}").replace("127.0.0.1:8008", f"127.0.0.1:{server.port}"))
    file = server.directory / "haproxy.cfg"
    file.write_text("\n".join(lines) + "\n")
    return Proxy([tool("haproxy"), "-db", "-f", str(file)], port, server.directory / "haproxy.log", certificate if tls else None)


def nginx(server: Server, tls: bool = True) -> Proxy:
    """deploy/nginx.conf, on plain HTTP, or with a certificate."""
    port, directory, certificate = free_port(), server.directory, _certificate(server)
    text = (ROOT / "deploy/nginx.conf").read_text().replace("127.0.0.1:8008", f"127.0.0.1:{server.port}")
    text = text.replace("listen 80;", f"listen 127.0.0.1:{free_port()};").replace("listen 443 ssl http2;", f"listen 127.0.0.1:{port}{' ssl http2' if tls else ''};")
    for name in ("fullchain.pem", "privkey.pem"):
        text = text.replace(f"/etc/letsencrypt/live/{NAME}/{name}", str(certificate))
    (directory / "site").write_text(text)
    kinds = "".join(f"\t{kind}_temp_path {directory}/nginx-{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    file = directory / "nginx.conf"
    file.write_text(f"{'user root;' if os.geteuid() == 0 else ''}\ndaemon off;\npid {directory}/nginx.pid;\nerror_log {directory}/nginx.log warn;\nevents {{ worker_connections 1024; }}\n"
                    f"http {{\n\taccess_log off;\n{kinds}\tinclude {directory}/site;\n}}\n")
    return Proxy([tool("nginx"), "-p", str(directory), "-e", str(directory / "nginx.log"), "-c", str(file)], port, directory / "nginx.log", certificate if tls else None)
