"""Every route of the server, as the server itself lists them, gets input that no client should send.

Whatever comes in, the answer is a well-formed refusal (4xx with an errcode, or problem+json for the desk), never a 5xx,
never a connection closed without an answer, and the server goes on answering others.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import socket
import time
from urllib.parse import quote

import httpx
import pytest

from server import Person, Server, run

SEED = 7
_numbers = itertools.count(1)

# Routes that by their specification take no body, or take any bytes as their body.
ANY_BODY = re.compile(r"/(upload|logout|logout/all|forget|leave|read|unread)$|/upload/|/media/|/joined_groups$")

BROKEN = {
    "cut off": b'{"a":', "open": b"{", "half a word": b"nul", "no value": b'{"a":}', "trailing comma": b'{"a":1,}',
    "two values": b'{"a":1}{"b":2}', "not UTF-8": b'{"a":"\xff\xfe"}', "a control byte": b'{"a":"\x01"}', "NUL": b"\x00",
    "single quotes": b"{'a':1}", "XML": b"<a/>", "bare NaN": b'{"a":NaN}', "leading zero": b'{"a":01}',
}
NOT_AN_OBJECT = {"a list": b"[]", "a string": b'"a"', "a number": b"12", "null": b"null", "true": b"true"}
DEEP = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
DEEP_LISTS = b'{"a":' + b"[" * 100_000

WRONG = [None, True, 0, -1, 1.5, 1e300, 2**53, 2**63, -(2**63), "", "x", "\u0000", "a\u0000b", "\ud83d\ude00" * 3, "x" * 70_000, "../../etc/passwd",
         "@nobody:acceptance.test", "!nowhere:acceptance.test", "$nothing", "#no:where", "mxc://a/b", "m.room.member", [], {}, [[]], [None], ["x"], [1, "a"],
         {"a": {}}, {"x": None}, [{"a": 1}]]
KEYS = """access_token address after algorithm assignee auth avatar_url before body bot brand bulk canned capacity client_secret contact content
count creation_content creator data deactivated default device_id device_keys devices dir displayname display_name email enabled end erase event event_format
event_id events expires_in expiry fallback_keys file_name filter formatted_body from guest_can_join highlight id identifier identity inbox inhibit_login initial_device_display_name
initial_state invite invite_3pid is_direct join_rule key kind label lang language last_active_ago limit locale m.fully_read m.read m.read.private m.relates_to medium membership
mentions messages method msgtype name new_password new_version next_batch not_types notes one_time_keys order page_token password power_level_content_override preset presence priority reason
refresh_token rel_type reply_token room_alias_name room_id room_version rooms role score search_term search_categories secret sender server session set_presence shortcut signature since
start state state_key status status_msg subject tag tags text third_party_signed thread_id threepids timeline timeout to token topic ts txn_id type typing unsigned until url user user_id
username value values version visibility visitor via weight with""".split()


def routes() -> list[dict]:
    done = run("routes", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) > 50
    return [r for r in found if r["path"].startswith(("/_matrix/", "/_comptoir/", "/_synapse/", "/.well-known/"))]


class Attack:
    """One signed-in person with a room, for one route: what the route destroys disturbs no other."""

    def __init__(self, server: Server):
        self.server = server
        self.person: Person = server.register(f"fuzz{next(_numbers)}")
        self.room = self.person.create_room(preset="public_chat")
        self.event = self.person.send(self.room, "hello")

    def path(self, template: str, junk: str | None = None) -> str:
        known = {"roomId": self.room, "roomIdOrAlias": self.room, "room_id": self.room, "userId": self.person.id, "user_id": self.person.id, "eventId": self.event,
                 "event_id": self.event, "eventType": "m.room.message", "deviceId": self.person.device, "serverName": self.server.name, "receiptType": "m.read"}

        def value(match: re.Match) -> str:
            name = match.group(1).removesuffix("...")
            return quote(junk if junk is not None else known.get(name, f"x{next(_numbers)}"), safe="")

        return re.sub(r"\{([^}]+)\}", value, template)

    def send(self, method: str, path: str, body: bytes | None, **more) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.person.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        with self.person.http.stream(method, path, content=body, headers=headers, timeout=20, **more) as answer:
            if answer.headers.get("content-type", "").startswith("text/event-stream"):
                return answer     # never ends; that it was answered is what counts here
            answer.read()
            return answer


# A browser opens these: what is wrong is said on a page.
PAGES = ("/_comptoir/email/confirm", "/_comptoir/oidc/callback", "/_comptoir/push/unsubscribe")
# An identity provider calls this: its errors are those of OAuth 2.0.
OAUTH = ("/_comptoir/oidc/logout",)


def fault(answer: httpx.Response) -> str | None:
    """What is wrong with an answer, whatever was asked."""
    if answer.status_code >= 500:
        return f"{answer.status_code} {answer.text[:200]}"
    if answer.status_code < 400:
        return None
    kind = answer.headers.get("content-type", "")
    if kind.startswith("text/html") and answer.request.url.path in PAGES:
        return None if "default-src 'none'" in answer.headers.get("content-security-policy", "") else "a page without a policy"
    try:
        body = answer.json()
    except ValueError:
        return f"{answer.status_code} without JSON: {answer.text[:100]!r}"
    if kind.startswith("application/problem+json"):
        good = {"type", "title", "status", "detail"} <= body.keys() and body["status"] == answer.status_code
        return None if good else f"odd problem: {body}"
    if answer.request.url.path in OAUTH and "errcode" not in body:
        return None if body.get("error") == "invalid_request" and answer.headers.get("cache-control") == "no-store" else f"odd OAuth error: {body}"
    if answer.status_code == 401 and "flows" in body:
        return None     # interactive authentication asks for its next stage
    good = isinstance(body.get("errcode"), str) and isinstance(body.get("error"), str) and re.fullmatch(r"[A-Z][A-Z0-9_.]+", body["errcode"])
    return None if good else f"{answer.status_code} without errcode: {body}"


def attack_all(server: Server, methods: tuple[str, ...], probe) -> None:
    """Runs `probe(attack, route)`, which yields (what, answer, whether it must be refused), for every route."""
    problems, asked = [], 0
    for route in routes():
        if route["method"] not in methods:
            continue
        attack = Attack(server)
        name = f"{route['method']} {route['path']}"
        steps = probe(attack, route)
        what = "?"
        try:
            for what, answer, must_refuse in steps:
                asked += 1
                if wrong := fault(answer):
                    problems.append(f"{name} [{what}]: {wrong}")
                elif must_refuse and answer.status_code < 400:
                    problems.append(f"{name} [{what}]: accepted with {answer.status_code}")
        except httpx.TransportError as error:
            problems.append(f"{name} [after {what}]: no answer: {error!r}")
            if not server.alive():
                problems.append(f"the server ended:\n{server.tail(15)}")
                break
    assert server.alive()
    assert httpx.get(server.base + "/_matrix/client/versions", timeout=5).status_code == 200
    assert not problems, f"{len(problems)} of {asked}:\n" + "\n".join(problems[:60])
    assert asked > 0


WRITING = ("POST", "PUT", "PATCH")


def test_broken_json_is_refused(shared_server):
    def probe(attack, route):
        for what, body in BROKEN.items():
            yield what, attack.send(route["method"], attack.path(route["path"]), body), not ANY_BODY.search(route["path"])

    attack_all(shared_server, WRITING, probe)


def test_json_that_is_no_object_is_refused(shared_server):
    def probe(attack, route):
        for what, body in NOT_AN_OBJECT.items():
            yield what, attack.send(route["method"], attack.path(route["path"]), body), not ANY_BODY.search(route["path"])

    attack_all(shared_server, WRITING, probe)


def test_deep_json_is_refused(shared_server):
    def probe(attack, route):
        for what, body in (("deep objects", DEEP), ("deep lists", DEEP_LISTS)):
            yield what, attack.send(route["method"], attack.path(route["path"]), body), not ANY_BODY.search(route["path"])

    attack_all(shared_server, WRITING, probe)


def test_wrong_types_never_break_the_server(shared_server):
    chance = random.Random(SEED)

    def probe(attack, route):
        for _ in range(40):
            body = {key: chance.choice(WRONG) for key in chance.sample(KEYS, chance.randint(1, 60))}
            yield json.dumps(body)[:300], attack.send(route["method"], attack.path(route["path"]), json.dumps(body).encode()), False

    attack_all(shared_server, WRITING, probe)


def test_state_events_of_wrong_shape(shared_server):
    """State that the server itself reads later must not be able to poison the room."""
    chance = random.Random(SEED)
    types = ["m.room.power_levels", "m.room.join_rules", "m.room.name", "m.room.canonical_alias", "m.room.history_visibility", "m.room.guest_access",
             "m.room.member", "m.room.create", "m.room.topic", "m.room.avatar", "m.room.encryption", "m.room.server_acl", "m.room.third_party_invite",
             "m.room.tombstone", "m.room.pinned_events", "m.space.child"]
    keys = ["users", "events", "users_default", "ban", "kick", "invite", "redact", "state_default", "events_default", "notifications", "join_rule", "allow",
            "name", "alias", "alt_aliases", "history_visibility", "guest_access", "membership", "displayname", "avatar_url", "topic", "url", "deny", "via"]
    problems = []
    for event_type in types:
        attack = Attack(shared_server)
        for _ in range(25):
            body = {key: chance.choice(WRONG) for key in chance.sample(keys, chance.randint(1, 8))}
            key = attack.person.id if event_type == "m.room.member" else chance.choice(["", "x", "\u0000"])
            path = f"/_matrix/client/v3/rooms/{quote(attack.room)}/state/{event_type}/{quote(key, safe='')}"
            if wrong := fault(attack.send("PUT", path, json.dumps(body).encode())):
                problems.append(f"{event_type} {json.dumps(body)[:200]}: {wrong}")
        # whatever was let in, the room can still be read and synced
        for path in (f"/_matrix/client/v3/rooms/{quote(attack.room)}/state", f"/_matrix/client/v3/rooms/{quote(attack.room)}/messages?dir=b", "/_matrix/client/v3/sync?timeout=0"):
            answer = attack.send("GET", path, None)
            if answer.status_code not in (200, 403):
                problems.append(f"{event_type}: afterwards {path}: {answer.status_code} {answer.text[:200]}")
    assert not problems, "\n".join(problems[:40])


JUNK_PARTS = ["", "..", "%", "\u0000", "a\u0000b", "x" * 300, "x" * 5000, "!", "@", "$", "#", ":", "@:", "!:x", "é" * 200, "\U0001F600", "a/b", "?", "'; DROP TABLE events; --",
              "@x:acceptance.test", "$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]


def test_junk_in_the_path(shared_server):
    def probe(attack, route):
        if "{" not in route["path"]:
            return
        for part in JUNK_PARTS:
            body = b"{}" if route["method"] in WRITING else None
            yield repr(part)[:60], attack.send(route["method"], attack.path(route["path"], part), body), False

    attack_all(shared_server, ("GET", "POST", "PUT", "PATCH", "DELETE"), probe)


def test_junk_in_the_query(shared_server):
    chance = random.Random(SEED)
    names = ["from", "to", "since", "limit", "dir", "timeout", "filter", "full_state", "set_presence", "width", "height", "method", "animated", "allow_redirect", "timeout_ms",
             "at", "membership", "not_membership", "format", "ts", "server", "via", "org.matrix.msc1", "kind", "order_by", "include_all_networks", "third_party_instance_id",
             "access_token", "cursor", "after", "status", "q", "assignee", "page"]
    values = ["", "-1", "0", "1e9", "99999999999999999999", "abc", "true", "null", "%00", "\u0000", "{", '{"a":1}', '{"room":5}', '{"room":{"timeline":{"limit":"x"}}}', "x" * 4000,
              "b", "f", "t0_0_0", "s1", "s-1", "s99999999999999999999", "é", "[]", "../..", "@a:b"]

    def probe(attack, route):
        for _ in range(12):
            query = "&".join(f"{name}={quote(chance.choice(values), safe='')}" for name in chance.sample(names, 6) if name != "timeout") + "&timeout=0"
            body = b"{}" if route["method"] in WRITING else None
            yield query[:200], attack.send(route["method"], attack.path(route["path"]) + "?" + query, body), False

    attack_all(shared_server, ("GET", "POST", "PUT", "PATCH", "DELETE"), probe)


def guarded(path: str) -> bool:
    """The desk's own routes check the agent themselves; its description and what a site's visitors use are open."""
    return path.startswith("/_comptoir/desk/v1/") and not path.endswith("/openapi.json")


def test_no_token_or_a_wrong_one(shared_server):
    """Without a session a route that needs one says so; no route breaks."""
    problems = []
    attack = Attack(shared_server)
    for route in routes():
        body = b"{}" if route["method"] in WRITING else None
        for token in (None, "x", "x" * 3000, "\\u0000", "syt_unknown"):
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            if body is not None:
                headers["Content-Type"] = "application/json"
            with attack.person.http.stream(route["method"], attack.path(route["path"]) + "?timeout=0", content=body, headers=headers, timeout=10) as answer:
                if answer.headers.get("content-type", "").startswith("text/event-stream"):
                    continue
                answer.read()
            if wrong := fault(answer):
                problems.append(f"{route['method']} {route['path']} [{str(token)[:20]}]: {wrong}")
            elif answer.status_code != 401 and (route["auth"] in ("user", "guest", "admin") or guarded(route["path"])):
                problems.append(f"{route['method']} {route['path']} [{str(token)[:20]}]: {answer.status_code} instead of 401")
    assert not problems, "\n".join(problems[:60])


def raw(server: Server, request: bytes, wait: float = 10) -> bytes:
    """Sends these bytes and gives what comes back until the server closes, or stops talking for a second."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=wait) as s:
        try:
            s.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass      # it answered before it had read everything, as it may
        received = b""
        while True:
            try:
                part = s.recv(65536)
            except (TimeoutError, ConnectionResetError):
                return received      # a reset after the answer is the server's way to stop a body that it does not want
            if not part:
                return received
            received += part
            s.settimeout(1)


def test_an_oversized_body_is_refused_before_it_is_read(shared_server):
    problems = []
    for route in routes():
        if route["method"] not in WRITING:
            continue
        attack = Attack(shared_server)
        head = (f"{route['method']} {attack.path(route['path'])} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {attack.person.token}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {1 << 40}\r\n\r\n").encode()
        began = time.monotonic()
        answer = raw(shared_server, head + b'{"a":"' + b"x" * 10_000)
        status = answer.split(b" ", 2)[1:2]
        if status not in ([b"413"], [b"400"], [b"401"], [b"403"], [b"404"]) or time.monotonic() - began > 8:
            problems.append(f"{route['method']} {route['path']}: {answer[:120]!r} after {time.monotonic() - began:.1f} s")
    assert not problems, "\n".join(problems[:40])


def test_a_long_stream_without_a_length_is_refused(shared_server):
    person = shared_server.register(f"fuzz{next(_numbers)}")
    room = person.create_room()
    for path, method in ((f"/_matrix/client/v3/rooms/{room}/send/m.room.message/big", "PUT"), ("/_matrix/client/v3/createRoom", "POST")):
        answer = person.request(method, path, content=itertools.chain([b'{"body":"'], itertools.repeat(b"x" * 65536, 400), [b'"}']), headers={"Content-Type": "application/json"})
        assert answer.status_code == 413 and answer.json()["errcode"] == "M_TOO_LARGE"
    # an event of 64 KiB is too large for a room, though not for the server
    answer = person.request("PUT", f"/_matrix/client/v3/rooms/{room}/send/m.room.message/t", {"msgtype": "m.text", "body": "x" * 65_600})
    assert answer.status_code == 413 and answer.json()["errcode"] == "M_TOO_LARGE"


def test_after_a_refused_upload_the_client_goes_on(shared_server):
    """The route answers without having read the body: the next request of the same client must be read all the same."""
    person = shared_server.register(f"fuzz{next(_numbers)}")
    for size in (10_000, 200_000, 400_000, 700_000, 2_000_000) * 8:
        answer = person.request("PUT", f"/_matrix/media/v3/upload/{shared_server.name}/neverReserved", content=b"x" * size, timeout=10)
        assert answer.status_code in (403, 404) and answer.json()["errcode"]
        assert person.request("GET", "/_matrix/client/v3/account/whoami", timeout=10).status_code == 200


@pytest.mark.parametrize("request_bytes", [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50,
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"".join(b"H%d: x\r\n" % n for n in range(20_000)) + b"\r\n",
    b"POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", b"POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n", b"POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
], ids=["empty", "no path", "version", "TLS", "long path", "long header", "many headers", "negative length", "two lengths", "bad chunk", "smuggling", "bad escape", "bad bytes", "method", "star"])
def test_what_is_no_http_ends_with_a_refusal_or_a_close(shared_server, request_bytes):
    answer = raw(shared_server, request_bytes, wait=3)
    if answer:
        status = int(answer.split(b" ", 2)[1])
        assert 200 <= status < 500, answer[:200]
    assert httpx.get(shared_server.base + "/_matrix/client/versions", timeout=5).status_code == 200
    assert shared_server.alive()
