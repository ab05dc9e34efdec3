"""HTTPS with a certificate that nobody has signed: the server talks to nobody who shows one, unless the tests' switch for loopback is on."""

from __future__ import annotations

import http.server
import json
import ssl
import subprocess
import threading
import time

import httpx
import pytest

from server import Server

V3 = "/_matrix/client/v3"


class SelfSigned:
    """An HTTPS server that is a push gateway, a page and an identity provider at once. Keeps what it was asked, and the handshakes that failed."""

    def __init__(self, directory):
        key, cert = directory / "key.pem", directory / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.requests: list[str] = []
        self.refusals: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def setup(self):
                try:
                    self.request = context.wrap_socket(self.request, server_side=True)
                except (ssl.SSLError, OSError) as problem:
                    outer.refusals.append(str(problem))
                    raise
                super().setup()

            def do_GET(self):
                self.answer(b"<html><head><title>Une page</title></head></html>", "text/html")

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(b"{}", "application/json")

            def answer(self, body: bytes, kind: str):
                outer.requests.append(f"{self.command} {self.path}")
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Listener(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                pass    # noted above

        self.server = Listener(("127.0.0.1", 0), Handler)
        self.url = f"https://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, what: list[str], seconds: float = 10) -> str:
        end = time.monotonic() + seconds
        while not what:
            assert time.monotonic() < end, f"nothing came: {self.requests} {self.refusals}"
            time.sleep(0.02)
        return what[0]


@pytest.fixture
def other_side(tmp_path):
    side = SelfSigned(tmp_path)
    yield side
    side.server.shutdown()
    side.server.server_close()


def tell_and_preview(server: Server, other_side: SelfSigned) -> httpx.Response:
    """A message for somebody whose gateway is there, and a preview of a page there. Gives the answer to the second."""
    ada, ben = server.register(), server.register()
    room = ada.create_room(preset="public_chat")
    ben.join(room)
    pusher = {"kind": "http", "app_id": "app", "pushkey": "key", "app_display_name": "App", "device_display_name": "Phone", "lang": "en"}
    ben.call("POST", f"{V3}/pushers/set", pusher | {"data": {"url": other_side.url + "/_matrix/push/v1/notify"}})
    ada.send(room, "Bonjour")
    return ben.request("GET", "/_matrix/client/v1/media/preview_url", params={"url": other_side.url + "/page"})


def test_with_the_switch_the_gateway_is_told_and_the_page_is_read(other_side):
    with Server() as server:
        answer = tell_and_preview(server, other_side)
        assert answer.status_code == 200 and answer.json()["og:title"] == "Une page"
        end = time.monotonic() + 10
        while "POST /_matrix/push/v1/notify" not in other_side.requests:
            assert time.monotonic() < end, other_side.requests
            time.sleep(0.02)
        assert not other_side.refusals


def test_without_the_switch_nobody_there_is_talked_to(other_side, tmp_path):
    provider = tmp_path / "work.json"
    provider.write_text(json.dumps({"id": "work", "issuer": other_side.url, "client_id": "c"}))
    flags = ("--open-registration", "--no-rate-limits", "--cheap-password-hashing")
    with Server(*flags, test_flags=False, config=f"oidc_providers = {provider}\n") as server:
        assert tell_and_preview(server, other_side).status_code >= 400
        # The operator named the provider, so its address may be anywhere; its certificate must be good all the same.
        assert httpx.get(f"{server.base}{V3}/login/sso/redirect", params={"redirectUrl": "https://app.example/"}).status_code == 502
        assert "unknown ca" in other_side.wait(other_side.refusals).lower().replace("_", " ")
        end = time.monotonic() + 10
        while "a push gateway does not take a notification" not in server.log():
            assert time.monotonic() < end, server.tail()
            time.sleep(0.02)
        assert other_side.requests == []
        assert not server.crashed()
