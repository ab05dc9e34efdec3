"""The reverse proxies of deploy/ with HTTPS, as people outside meet them: everything passes, as it is and at once, and what is inside stays inside."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
import time
from urllib.parse import quote

import httpx
import pytest

import proxies
import shop
from shop import DESK, Agent

V3 = "/_matrix/client/v3"


@pytest.fixture(scope="module", params=["caddy", "haproxy", "nginx"])
def place(request):
    """A shop, and a proxy in front of it."""
    with shop.Shop(config="trusted_proxies = 127.0.0.1\n") as server, getattr(proxies, request.param)(server, tls=True) as front:
        yield server, front
        assert not server.crashed(), server.tail()


@pytest.fixture
def outside(place):
    """Somebody at an address of his own."""
    server, front = place
    with front.client() as http:
        person = server.register()
        person.http.close()
        person.http = http
        yield person


def test_clients_write_wait_and_are_woken_at_once(place, outside):
    server, _ = place
    room = outside.create_room()
    since = outside.sync()["next_batch"]
    began = time.monotonic()
    assert outside.sync(since, timeout=2_500)["next_batch"] and 2.3 < time.monotonic() - began < 6, "a wait in which nothing comes ends when it should"
    woken: list[float] = []
    sent = 0.0

    def wait() -> None:
        outside.sync(since, timeout=30_000)
        woken.append(time.monotonic())

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.5)
    sent = time.monotonic()
    httpx.put(f"{server.base}{V3}/rooms/{room}/send/m.room.message/1", json={"msgtype": "m.text", "body": "hello"}, headers={"Authorization": f"Bearer {outside.token}"})
    thread.join()
    assert woken[0] - sent < 1.5
    # Whatever an id may hold comes through as it was written.
    for key in ("a/b", "ä %2F +?#&", "..", "a//b", "."):
        path = f"{V3}/rooms/{quote(room)}/state/org.example.thing/{quote(key, safe='')}"
        if key in (".", ".."):          # clients cannot write these in a path
            continue
        outside.call("PUT", path, {"key": key})
        assert outside.call("GET", path)["key"] == key
    assert {event["state_key"] for event in outside.call("GET", f"{V3}/rooms/{room}/state") if event["type"] == "org.example.thing"} == {"a/b", "ä %2F +?#&", "a//b"}


def test_the_stream_of_a_console_comes_at_once(place):
    server, front = place
    visitor = Agent(server, "visitor", "")
    visitor.token = visitor.call("POST", "/_comptoir/widget/v1/session", {"inbox": server.inbox["key"], "language": "fr"}, token=False)["access_token"]
    with front.client(headers={"Authorization": f"Bearer {server.anna.token}", "Accept-Encoding": "gzip, br", "Accept": "text/event-stream"}) as http:
        with http.stream("GET", DESK + "/stream") as answer:
            assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream") and "content-encoding" not in answer.headers
            lines = answer.iter_lines()
            assert next(line for line in lines if line.startswith("event:")) == "event: hello"
            for n in range(3):
                sent = time.monotonic()
                visitor.call("POST", "/_comptoir/widget/v1/conversations", {
                    "inbox": server.inbox["key"], "txn_id": f"{front.port}-{n}", "content": {"msgtype": "m.text", "body": f"Bonjour {n}"}})
                assert next(line for line in lines if f"Bonjour {n}" in line)
                assert time.monotonic() - sent < 1.5


def test_large_files_go_up_and_down_and_larger_ones_do_not(outside):
    content = os.urandom(1 << 20) * 100         # the largest that the server takes
    uri = outside.call("POST", "/_matrix/media/v3/upload", content=content, headers={"Content-Type": "application/octet-stream"})["content_uri"].removeprefix("mxc://")
    digest = hashlib.sha256()
    with outside.http.stream("GET", f"/_matrix/client/v1/media/download/{uri}", headers={"Authorization": f"Bearer {outside.token}"}) as answer:
        assert answer.status_code == 200 and int(answer.headers["content-length"]) == len(content)
        for piece in answer.iter_raw(1 << 20):
            digest.update(piece)
    assert digest.digest() == hashlib.sha256(content).digest()
    part = outside.request("GET", f"/_matrix/client/v1/media/download/{uri}", headers={"Range": "bytes=5-14"})
    assert (part.status_code, part.content) == (206, content[5:15])
    try:
        assert outside.request("POST", "/_matrix/media/v3/upload", content=content + b"x" * (20 << 20)).status_code == 413
    except httpx.TransportError:
        pass                                    # refused before it was read: the connection was closed meanwhile
    assert outside.call("GET", V3 + "/account/whoami")["user_id"] == outside.id


def test_pages_come_compressed_and_with_their_rules(place, outside):
    server, _ = place
    desk = outside.request("GET", "/desk", token=False, headers={"Accept-Encoding": "br"})
    assert desk.status_code == 200 and desk.headers["content-encoding"] == "br" and "trusted-types" in desk.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in desk.headers["content-security-policy"] and desk.headers["strict-transport-security"].startswith("max-age=")
    script = outside.request("GET", "/widget.js", token=False, headers={"Accept-Encoding": "gzip"})
    assert script.status_code == 200 and script.headers["content-encoding"] == "gzip" and script.headers["content-type"].startswith("text/javascript")
    again = outside.request("GET", "/widget.js", token=False, headers={"Accept-Encoding": "gzip", "If-None-Match": script.headers["etag"]})
    assert again.status_code == 304
    known = outside.request("GET", "/.well-known/matrix/client", token=False)
    assert known.status_code == 200 and known.json()["m.homeserver"]["base_url"] and known.headers["access-control-allow-origin"] == "*"
    asked = outside.request("OPTIONS", V3 + "/sync", token=False, headers={"Origin": "https://app.example", "Access-Control-Request-Method": "GET"})
    assert asked.status_code < 300 and asked.headers["access-control-allow-origin"] == "*"
    assert server.inbox["key"] in outside.request("GET", f"/_comptoir/widget/v1/config?inbox={server.inbox['key']}", token=False).text


def test_http_2_is_spoken(place):
    server, front = place
    for path, wanted in (("/_matrix/client/versions", "versions"), ("/desk", "<!doctype html>")):
        done = subprocess.run(["curl", "-sS", "--http2", "--cacert", front.trust, "--resolve", f"{proxies.NAME}:{front.port}:127.0.0.1", "-w", " %{http_version} %{http_code}",
                               f"https://{proxies.NAME}:{front.port}{path}"], capture_output=True, text=True, timeout=30)
        assert done.stdout.endswith(" 2 200") and wanted in done.stdout, done.stdout[-300:] + done.stderr


def test_what_is_inside_stays_inside(place):
    """From another address than the machine's, in every spelling, and with claims to be the machine itself."""
    server, front = place
    assert "comptoir_position" in httpx.get(server.base + "/_comptoir/metrics").text

    def ask(path: str, *more: str) -> str:
        done = subprocess.run(["curl", "-sS", "--interface", "127.0.0.9", "--path-as-is", "--cacert", front.trust, "--resolve", f"{proxies.NAME}:{front.port}:127.0.0.1", *more,
                               "-w", " %{http_code}", f"https://{proxies.NAME}:{front.port}{path}"], capture_output=True, text=True, timeout=30)
        return done.stdout

    for name in ("metrics", "ready"):
        assert ask(f"/_comptoir/{name}").endswith(" 404") and ask(f"/_comptoir/{name}/").endswith(" 404")
        for path in (f"//_comptoir/{name}", f"/_comptoir//{name}", f"/./_comptoir/{name}", f"/x/../_comptoir/{name}", f"/_comptoir/{name}?x=1", f"/_comptoir/{name};x",
                     f"/_comptoir/%{ord(name[0]):02x}{name[1:]}", f"/%5fcomptoir/{name}", f"/_comptoir%2f{name}", f"/_COMPTOIR/{name}", f"/_comptoir/x/../{name}", f"/_comptoir/x/%2e%2e/{name}"):
            for claim in ((), ("-H", "X-Forwarded-For: 127.0.0.1"), ("-H", "X-Forwarded-For: 127.0.0.1, 127.0.0.1", "-H", "X-Real-IP: 127.0.0.1")):
                assert "comptoir_position" not in (answer := ask(path, *claim)), f"{path} {claim}: {answer[:200]}"


def test_the_server_knows_who_asks_and_believes_nobody_else(place):
    server, front = place
    person = server.register()
    with front.client(headers={"X-Forwarded-For": "203.0.113.7", "X-Real-IP": "203.0.113.8", "Forwarded": "for=203.0.113.9"}, local="127.0.0.9") as http:
        signed = http.post(V3 + "/login", json={"type": "m.login.password", "identifier": {"type": "m.id.user", "user": person.name}, "password": person.password}).json()
        http.get(V3 + "/account/whoami", headers={"Authorization": f"Bearer {signed['access_token']}"})
        devices = http.get(V3 + "/devices", headers={"Authorization": f"Bearer {signed['access_token']}"}).json()["devices"]
    seen = {device["last_seen_ip"] for device in devices if device["device_id"] == signed["device_id"]}
    assert seen == {"127.0.0.9"}, json.dumps(devices)


def test_of_many_proxies_only_the_trusted_ones_are_believed(place):
    """Straight to the server, as proxies of all kinds write it: in one line or in several, with what the client claims before it."""
    server, _ = place
    person = server.register()
    for lines, wanted in (
        (["198.51.100.7"], "198.51.100.7"),
        (["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        (["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        (["203.0.113.9, 198.51.100.7", "127.0.0.1"], "198.51.100.7"),
        (["203.0.113.9,198.51.100.7 , 127.0.0.1,"], "198.51.100.7"),
        (["127.0.0.1", "2001:db8::7"], "2001:db8::7"),
        ([], "127.0.0.1"),
    ):
        device = person.login()
        with httpx.Client(base_url=server.base, headers=[("Authorization", f"Bearer {device.token}"), *(("X-Forwarded-For", line) for line in lines)]) as http:
            http.get(V3 + "/account/whoami")
            devices = http.get(V3 + "/devices").json()["devices"]
        assert next(d for d in devices if d["device_id"] == device.device)["last_seen_ip"] == wanted, lines
