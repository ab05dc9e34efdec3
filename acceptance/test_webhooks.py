"""Webhooks to a receiver that is not ours: signed, in order, once each by their ids, over refusals, cut connections and kills of the server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
import uuid

import httpx
import pytest

import postgres
from shop import Agent, Shop, until


class Receiver:
    """Takes what comes. `refuse`: how many of the next it answers by 503 or by hanging up."""

    def __init__(self):
        self.got: list[tuple[str, dict, dict]] = []
        self.refuse = 0
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.headers["webhook-id"], json.loads(body), dict(self.headers) | {"raw": body}))
                if receiver.refuse > 0:
                    receiver.refuse -= 1
                    if receiver.refuse % 2:
                        self.connection.close()
                        return
                    self.send_response(503)
                else:
                    self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/hook"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def texts(self) -> list[str]:
        """What the messages say, each id once, in the order in which they first came."""
        seen: dict[str, str] = {}
        for key, body, _ in self.got:
            seen.setdefault(key, body["data"]["item"]["message"]["body"])
        return list(seen.values())

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(params=["sqlite", "postgres"])
def shop(request):
    if request.param == "sqlite":
        with Shop() as shop:
            yield shop
        return
    with postgres.database(f"acceptance_{uuid.uuid4().hex[:12]}") as url, Shop(database=url) as shop:
        yield shop


def test_nothing_is_lost_or_doubled_by_kills(shop, receiver):
    hook = shop.anna.desk("POST", "/webhooks", {"name": "CRM", "url": receiver.url, "events": ["message.created"]}, expect=201)
    visitor = Agent(shop, "visitor", "")
    answer = visitor.call("POST", "/_comptoir/widget/v1/session", {"inbox": shop.inbox["key"], "language": "fr"}, token=False)
    visitor.token, visitor.id = answer["access_token"], answer["user_id"]
    said = []
    for round in range(4):
        receiver.refuse = 1 if round in (1, 2) else 0
        for number in range(8):
            said.append(f"round {round} number {number}")
            visitor.call("POST", "/_comptoir/widget/v1/conversations", {
                "inbox": shop.inbox["key"], "txn_id": said[-1], "content": {"msgtype": "m.text", "body": said[-1]}})
            if number == 3 + round:
                shop.kill()            # whatever is written down, on its way or just taken
                shop.start()
                visitor.http = httpx.Client(base_url=shop.base, timeout=60)
                shop.anna.http = httpx.Client(base_url=shop.base, timeout=60)
    until(lambda: len(receiver.texts()) == len(said), "everything told", 60)
    assert receiver.texts() == said
    bodies: dict[str, bytes] = {}
    for key, body, headers in receiver.got:
        assert bodies.setdefault(key, headers["raw"]) == headers["raw"], "another attempt had other bytes"
        text = f"{key}.{headers['webhook-timestamp']}.".encode() + headers["raw"]
        secret = base64.b64decode(hook["secret"].removeprefix("whsec_"))
        assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.new(secret, text, hashlib.sha256).digest()).decode()
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 300
    log = shop.anna.desk("GET", f"/webhooks/{hook['id']}/deliveries", params={"limit": 100})["items"]
    assert len(log) == len(said) and {entry["state"] for entry in log} == {"done"}


def test_nothing_inside_is_reached():
    """Without the tests' own permission for loopback addresses the guard lets nothing through."""
    receiver = Receiver()
    with Shop("--no-rate-limits", "--cheap-password-hashing", test_flags=False) as shop:
        for url in (receiver.url, receiver.url.replace("127.0.0.1", "localhost"), "http://169.254.169.254/latest", "http://[::1]:1/"):
            hook = shop.anna.desk("POST", "/webhooks", {"name": "in", "url": url, "events": ["message.created"]}, expect=201)
            answer = shop.anna.desk("POST", f"/webhooks/{hook['id']}/test")
            assert not answer["done"] and answer["status"] is None and answer["error"], answer
    assert receiver.got == []
    receiver.close()
