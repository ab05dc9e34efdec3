"""Who may do what: every route of the server against every kind of caller.

The server lists its routes itself. Each must be found in one of the tables below, so a new route does not pass before somebody has decided who may
call it. What a table does not allow must be refused, and what it allows must not be refused for lack of rights: both are tried.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import uuid
from collections.abc import Iterable
from urllib.parse import quote

import pytest

from server import Person, Server
from shop import Agent, Shop
from test_bad_input import routes

C3, C1 = "/_matrix/client/v3", "/_matrix/client/v1"
DESK, WIDGET = "/_comptoir/desk/v1", "/_comptoir/widget/v1"
_numbers = itertools.count(1)

# --- routes that need no token ------------------------------------------------------------------------------------------------------

# Said by hand: what anyone on the network may call. The desk and the widget are looked at further down.
OPEN = {
    "GET /", "GET /start", "GET /.well-known/matrix/client", "GET /.well-known/matrix/support", "GET /.well-known/matrix/policy_server",
    "GET /_comptoir/health", "GET /_comptoir/ready", "GET /_comptoir/metrics", "GET /_comptoir/start", "GET /_comptoir/oidc/callback", "POST /_comptoir/oidc/logout",
    "GET /_comptoir/email/confirm", "POST /_comptoir/email/confirm",
    "GET /_comptoir/push/unsubscribe", "POST /_comptoir/push/unsubscribe",
    f"GET {C1}/register/m.login.registration_token/validity", f"GET {C1}/auth_metadata",
    *(f"POST {C3}/{what}/{how}/requestToken" for what in ("account/3pid", "account/password", "register") for how in ("email", "msisdn")),
    f"GET {C3}/auth/{{authType}}/fallback/web", f"POST {C3}/auth/{{authType}}/fallback/web",
    f"GET {C3}/directory/list/room/{{roomId}}", f"GET {C3}/directory/room/{{roomAlias}}",
    f"GET {C3}/login", f"POST {C3}/login", f"GET {C3}/login/cas/redirect", f"GET {C3}/login/cas/ticket", f"GET {C3}/login/sso/redirect",
    f"GET {C3}/login/sso/redirect/{{idpId}}", f"GET {C3}/profile/{{userId}}", f"GET {C3}/profile/{{userId}}/{{keyName}}",
    f"POST {C3}/refresh", f"POST {C3}/register", f"GET {C3}/register/available", "GET /_matrix/client/versions",
    "POST /_matrix/federation/v1/3pid/onbind", "PUT /_matrix/federation/v1/3pid/onbind", "GET /_matrix/federation/v1/openid/userinfo",
    "GET /_synapse/admin/v1/register", "POST /_synapse/admin/v1/register",
    "GET /app", "GET /app/{rest...}", "GET /assets/{rest...}", "GET /desk", "GET /desk/{rest...}", "GET /widget", "GET /widget.js",
}


def all_routes() -> list[dict]:
    from server import run
    done = run("routes", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def name(route: dict) -> str:
    return f"{route['method']} {route['path']}"


def fill(path: str, **known: str) -> str:
    def value(match: re.Match) -> str:
        key = match.group(1).removesuffix("...")
        return quote(known.get(key, f"x{next(_numbers)}"), safe="")
    return re.sub(r"\{([^}]+)\}", value, path)


def say(answer) -> str:
    return f"{answer.status_code} {answer.text[:160]}"


def errcode(answer) -> str | None:
    try:
        return answer.json().get("errcode")
    except (ValueError, AttributeError):
        return None


@pytest.fixture(scope="module")
def shop():
    with Shop(config="guest_registration = true\n") as shop:
        yield shop
        assert not shop.crashed(), shop.tail()


def guest(server: Server) -> Person:
    person = Person(server, "guest", "")
    person.sign(person.call("POST", C3 + "/register?kind=guest", {}, token=False))
    return person


def visitor(shop: Shop) -> tuple[Agent, str]:
    """A visitor of the shop's site who has written once, and his conversation."""
    person = Agent(shop, "visitor", "")
    answer = person.call("POST", WIDGET + "/session", {"inbox": shop.inbox["key"], "language": "fr"}, token=False)
    person.token, person.id = answer["access_token"], answer["user_id"]
    person.call("POST", WIDGET + "/conversations", {"inbox": shop.inbox["key"], "txn_id": str(uuid.uuid4()), "content": {"msgtype": "m.text", "body": "Bonjour"}})
    return person, shop.anna.conversations()[0]["id"]


def test_what_needs_no_token_is_listed(shop):
    found = {name(route) for route in all_routes() if route["auth"] == "none" and not route["path"].startswith((DESK, WIDGET))}
    assert found <= OPEN, f"open without a decision: {sorted(found - OPEN)}"


def test_tokens(shop):
    """Whoever has no valid token, or one of a guest or of no administrator, gets no further."""
    somebody, visiting, signed_out = shop.register(), guest(shop), shop.register()
    customer, _ = visitor(shop)
    signed_out.call("POST", C3 + "/logout", {})
    problems = []

    def check(route: dict, who: str, token: str | None, wanted: tuple[int, str]) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = somebody.request(route["method"], fill(route["path"], serverName=shop.name), token=False, headers=headers)
        if (answer.status_code, errcode(answer)) != wanted:
            problems.append(f"{name(route)} by {who}: {say(answer)}")

    for route in all_routes():
        auth = route["auth"]
        if auth == "none":
            continue
        if auth != "optional":
            check(route, "nobody", None, (401, "M_MISSING_TOKEN"))
        check(route, "an unknown token", "mct_unknown", (401, "M_UNKNOWN_TOKEN"))
        check(route, "a token that was signed out", signed_out.token, (401, "M_UNKNOWN_TOKEN"))
        if auth in ("user", "admin"):
            check(route, "a guest", visiting.token, (403, "M_GUEST_ACCESS_FORBIDDEN"))
        if auth == "admin":
            check(route, "a user", somebody.token, (403, "M_FORBIDDEN"))
            answer = customer.request(route["method"], fill(route["path"], serverName=shop.name))
            if answer.status_code != 403:
                problems.append(f"{name(route)} by a customer: {say(answer)}")
    assert not problems, f"{len(problems)}:\n" + "\n".join(problems)


# --- rooms --------------------------------------------------------------------------------------------------------------------------

# In a private room as clients make it: who has power 100, 50, 0; who was asked in, has gone, is banned; who never had to do with it.
EVERYONE = ("admin", "moderator", "member", "invited", "left", "banned", "stranger", "guest")
JOINED = {"admin", "moderator", "member"}
# May look back at what they were there for.
SEEN = JOINED | {"left", "banned"}
MODERATORS = {"admin", "moderator"}
USERS = set(EVERYONE) - {"guest"}

R = C3 + "/rooms/{roomId}"
ROOM: dict[str, tuple[set[str], dict | None]] = {
    f"GET {R}/aliases": (JOINED, None),
    f"POST {R}/ban": (MODERATORS, {"user_id": "{target}"}),
    f"POST {R}/kick": (MODERATORS, {"user_id": "{target}"}),
    f"POST {R}/unban": (MODERATORS, {"user_id": "{banned}"}),
    f"POST {R}/invite": (JOINED, {"user_id": "{nobody}"}),
    f"POST {R}/forget": ({"left", "banned"}, {}),
    f"POST {R}/join": (JOINED | {"invited"}, {}),
    f"POST {C3}/join/{{roomIdOrAlias}}": (JOINED | {"invited"}, {}),
    f"POST {C3}/knock/{{roomIdOrAlias}}": (set(), {}),
    f"POST {R}/leave": (JOINED | {"invited", "left"}, {}),
    f"GET {R}/context/{{eventId}}": (SEEN, None),
    f"GET {R}/event/{{eventId}}": (SEEN, None),
    f"GET {C3}/events/{{eventId}}": (SEEN, None),
    f"GET {R}/initialSync": (SEEN, None),
    f"GET {R}/joined_members": (JOINED, None),
    f"GET {R}/members": (SEEN, None),
    f"GET {R}/messages": (SEEN, None),
    f"GET {R}/state": (SEEN, None),
    f"GET {R}/state/{{eventType}}": (SEEN, None),
    f"GET {R}/state/{{eventType}}/{{stateKey}}": (SEEN, None),
    f"PUT {R}/state/{{eventType}}": (MODERATORS, {"topic": "x"}),
    f"PUT {R}/state/{{eventType}}/{{stateKey}}": (MODERATORS, {"topic": "x"}),
    f"POST {R}/read_markers": (JOINED, {"m.read": "{event}"}),
    f"POST {R}/receipt/{{receiptType}}/{{eventId}}": (JOINED, {}),
    f"POST {R}/redact/{{eventId}}": (MODERATORS, {}),
    f"PUT {R}/redact/{{eventId}}/{{txnId}}": (MODERATORS, {}),
    f"POST {R}/report": (USERS, {"reason": "x"}),
    f"POST {R}/report/{{eventId}}": (JOINED, {"reason": "x"}),
    f"POST {R}/send/{{eventType}}": (JOINED, {"msgtype": "m.text", "body": "x"}),
    f"PUT {R}/send/{{eventType}}/{{txnId}}": (JOINED, {"msgtype": "m.text", "body": "x"}),
    f"PUT {R}/typing/{{userId}}": (JOINED, {"typing": True, "timeout": 1000}),
    f"POST {R}/upgrade": ({"admin"}, {"new_version": "12"}),
    f"GET {C1}/rooms/{{roomId}}/hierarchy": (JOINED | {"invited"}, None),
    f"GET {C1}/rooms/{{roomId}}/threads": (SEEN, None),
    f"GET {C1}/rooms/{{roomId}}/timestamp_to_event": (SEEN, None),
    f"GET {C1}/room_summary/{{roomIdOrAlias}}": (JOINED | {"invited"}, None),
    f"PUT {C3}/directory/list/room/{{roomId}}": (MODERATORS, {"visibility": "public"}),
    **{f"GET {base}/rooms/{{roomId}}/relations/{{eventId}}{more}": (SEEN, None)
       for base in (C1, C3) for more in ("", "/{relType}", "/{relType}/{eventType}")},
}
# Other addresses of the same routes, from before they were specified.
SAME = {
    "GET /_matrix/client/unstable/im.nheko.summary/rooms/{roomIdOrAlias}/summary": f"GET {C1}/room_summary/{{roomIdOrAlias}}",
    "GET /_matrix/client/unstable/im.nheko.summary/summary/{roomIdOrAlias}": f"GET {C1}/room_summary/{{roomIdOrAlias}}",
    "GET /_matrix/client/unstable/org.matrix.msc2946/rooms/{roomId}/hierarchy": f"GET {C1}/rooms/{{roomId}}/hierarchy",
    **{f"GET /_matrix/client/unstable/rooms/{{roomId}}/relations/{{eventId}}{more}": f"GET {C1}/rooms/{{roomId}}/relations/{{eventId}}{more}"
       for more in ("", "/{relType}", "/{relType}/{eventType}")},
}
QUERY = {"timestamp_to_event": "?ts=1000000000000&dir=f", "messages": "?dir=b"}


@dataclasses.dataclass
class Cast:
    """The people of one private room."""

    room: str
    event: str
    people: dict[str, Person]
    target: str
    nobody: str

    def words(self) -> dict[str, str]:
        return {"roomId": self.room, "roomIdOrAlias": self.room, "eventId": self.event, "event": self.event, "target": self.target, "nobody": self.nobody,
                "banned": self.people["banned"].id, "relType": "m.thread", "receiptType": "m.read", "serverName": self.people["admin"].server.name}


@pytest.fixture(scope="module")
def folk(shop) -> dict[str, Person]:
    people = {who: shop.register(f"{who}{next(_numbers)}") for who in EVERYONE if who != "guest"}
    people["guest"] = guest(shop)
    people["target"], people["nobody"] = shop.register(), shop.register()
    return people


def cast(folk: dict[str, Person]) -> Cast:
    admin = folk["admin"]
    asked = ["moderator", "member", "invited", "left", "banned", "target"]
    room = admin.create_room(preset="private_chat", room_version="11", invite=[folk[who].id for who in asked],
                             power_level_content_override={"users": {admin.id: 100, folk["moderator"].id: 50}})
    for who in asked:
        if who != "invited":
            folk[who].join(room)
    event = admin.send(room, "hello")
    folk["left"].call("POST", f"{C3}/rooms/{room}/leave", {})
    admin.call("POST", f"{C3}/rooms/{room}/ban", {"user_id": folk["banned"].id})
    return Cast(room, event, {who: folk[who] for who in EVERYONE}, folk["target"].id, folk["nobody"].id)


def is_about_a_room(route: dict) -> bool:
    """The routes about a user's own things in a room are looked at as such."""
    path = route["path"]
    return route["auth"] in ("user", "guest", "optional") and re.search(r"\{roomId|/events/\{eventId\}", path) is not None \
        and "/room_keys/" not in path and not path.startswith((C3 + "/user/", C3 + "/directory/list/appservice/"))


def test_rooms(shop, folk):
    problems, asked = [], 0
    for route in filter(is_about_a_room, all_routes()):
        key = SAME.get(name(route), name(route))
        if key not in ROOM:
            problems.append(f"{name(route)}: nobody has decided who may")
            continue
        allowed, body = ROOM[key]
        stage = None
        for who in EVERYONE:
            if stage is None or route["method"] != "GET":
                stage = cast(folk)        # what a caller changes must not help the next one
            person = stage.people[who]
            words = stage.words() | {"userId": person.id, "eventType": "m.room.topic" if "/state" in route["path"] else "m.room.message", "stateKey": ""}
            if "/state/" in route["path"] and route["method"] == "GET":
                words["eventType"] = "m.room.create"
            path = fill(route["path"], **words)
            if words["stateKey"] == "" and path.endswith("/"):
                path = path[:-1]
            path += next((more for word, more in QUERY.items() if path.endswith(word)), "")
            filled = None if body is None else {k: fill(v, **words) if isinstance(v, str) and "{" in v else v for k, v in body.items()}
            if filled:
                filled = {k: _plain(v, body[k], words) for k, v in filled.items()}
            answer = person.request(route["method"], path, filled)
            asked += 1
            if who in allowed and not answer.is_success:
                problems.append(f"{name(route)} by {who}: refused with {say(answer)}")
            if who not in allowed and (answer.is_success or answer.status_code >= 500):
                problems.append(f"{name(route)} by {who}: {say(answer)}")
            if who not in allowed and answer.status_code == 401:
                problems.append(f"{name(route)} by {who}: {say(answer)}")
    assert asked > 300
    assert not problems, f"{len(problems)} of {asked}:\n" + "\n".join(problems)


def _plain(filled, template, words):
    """Values of a body are not percent-encoded."""
    return words[template[1:-1]] if isinstance(template, str) and template.startswith("{") else filled


# --- what belongs to one user -------------------------------------------------------------------------------------------------------

# Routes that name a user and are for everyone who is signed in: what they show of another is public, or asked of both.
OF_ANYONE = {f"GET {C3}/presence/{{userId}}/status", f"POST {C3}/users/{{userId}}/report"}
BODIES = {"typing": {"typing": True}, "status": {"presence": "online"}, "{keyName}": {"displayname": "x", "m.status": "x"}, "tags": {"order": 0.5}}


def test_what_is_anothers(shop, folk):
    """Settings, tags, filters and tokens of another user can be neither read nor changed."""
    problems, asked = [], 0
    owner, other = folk["member"], folk["stranger"]
    stage = cast(folk)
    for route in all_routes():
        path = route["path"]
        if route["auth"] not in ("user", "guest") or "{userId}" not in path or name(route) in OF_ANYONE:
            continue
        words = stage.words() | {"userId": owner.id, "keyName": "displayname", "type": "com.example", "tag": "m.favourite", "filterId": "1"}
        body = {"displayname": "x", "typing": True, "presence": "online", "order": 0.5} if route["method"] in ("PUT", "POST") else None
        for who in (other, guest(shop) if route["auth"] == "guest" else other):
            answer = who.request(route["method"], fill(path, **words), body)
            asked += 1
            if answer.status_code not in (403, 404) or answer.is_success:
                problems.append(f"{name(route)}: {say(answer)}")
    assert asked > 25
    assert not problems, "\n".join(problems)
    # devices, pushers, keys and backups have no user in their address: what is made by one must not be seen by the other
    owner.call("PUT", f"{C3}/devices/{owner.device}", {"display_name": "mine"})
    assert other.request("GET", f"{C3}/devices/{owner.device}").status_code == 404
    assert other.request("PUT", f"{C3}/devices/{owner.device}", {"display_name": "theirs"}).status_code == 404
    assert owner.call("GET", f"{C3}/devices/{owner.device}")["display_name"] == "mine"
    other.request("POST", f"{C3}/delete_devices", {"devices": [owner.device], "auth": {"type": "m.login.password", "password": other.password, "identifier": {
        "type": "m.id.user", "user": other.name}}})
    assert owner.call("GET", f"{C3}/account/whoami")["device_id"] == owner.device


# --- the desk -----------------------------------------------------------------------------------------------------------------------

ROLES = ("agent", "supervisor", "admin", "owner")
# The least role that may, by DeskRoute's table of permissions; "agent" is everyone at the desk.
DESK_LEAST = {
    "POST /agents": "admin", "PATCH /agents/{id}": "supervisor", "PUT /agents/{id}/picture": "admin", "DELETE /agents/{id}/picture": "admin",
    "POST /brands": "admin", "PATCH /brands/{id}": "admin", "DELETE /brands/{id}": "admin", "PUT /brands/{id}/logo": "admin", "DELETE /brands/{id}/logo": "admin",
    "POST /inboxes": "admin", "PATCH /inboxes/{id}": "admin", "DELETE /inboxes/{id}": "admin", "POST /inboxes/{id}/identity-secret": "admin",
    "POST /teams": "admin", "PATCH /teams/{id}": "admin", "DELETE /teams/{id}": "admin",
    "POST /sla-policies": "admin", "PATCH /sla-policies/{id}": "admin", "DELETE /sla-policies/{id}": "admin",
    "POST /hours": "admin", "PATCH /hours/{id}": "admin", "DELETE /hours/{id}": "admin",
    **{name: "supervisor" for name in ("PUT /contacts/{id}/duplicates/{other}/dismissed", "POST /contacts/{id}/merge", "POST /contacts/{id}/merges/{merge}/undo")},
    "GET /contacts/{id}/export": "admin", "PUT /attributes/{id}": "admin", "DELETE /attributes/{id}": "admin",
    "PUT /tags/{name}": "supervisor", "DELETE /tags/{name}": "supervisor",
    "PUT /inboxes/{id}/survey": "admin", "GET /recount": "admin", "POST /recount": "admin", "GET /wallboard": "supervisor",
    **{name: "supervisor" for name in ("GET /report-mails", "POST /report-mails", "PATCH /report-mails/{id}", "DELETE /report-mails/{id}", "POST /report-mails/{id}/test")},
   
    **{f"GET /reports/{{metric}}{more}": "supervisor" for more in ("", "/groups", "/conversations", "/export")},
    **{name: "admin" for name in (
        "GET /webhooks", "POST /webhooks", "PATCH /webhooks/{id}", "DELETE /webhooks/{id}",
        "POST /webhooks/{id}/secret", "POST /webhooks/{id}/test", "GET /webhooks/{id}/deliveries", "POST /webhooks/{id}/deliveries/{delivery}/replay")},
    **{f"{what} /rules{more}": "admin" for what, more in (("GET", ""), ("POST", ""), ("PATCH", "/{id}"), ("DELETE", "/{id}"), ("POST", "/order"), ("POST", "/dry-run"), ("GET", "/log"))},
    "GET /tokens": "admin", "POST /tokens": "admin", "DELETE /tokens/{id}": "admin", "GET /audit": "admin", "GET /audit/export": "admin",
    "POST /roles": "admin", "PATCH /roles/{id}": "admin", "DELETE /roles/{id}": "admin",
}
DESK_OPEN = {"GET /openapi.json"}
DESK_BODY = {
    "POST /agents": lambda: {"username": f"new{next(_numbers)}", "password": "correct horse battery", "name": "New", "public_name": "New", "role": "agent"},
    "PATCH /agents/{id}": lambda: {"availability": "away"}, "POST /brands": lambda: {"name": f"Brand {next(_numbers)}"}, "PATCH /brands/{id}": lambda: {"name": "Lumen"},
    "POST /inboxes": lambda: {"name": f"Inbox {next(_numbers)}", "brand_id": "x"}, "PATCH /inboxes/{id}": lambda: {"name": "Site"}, "PUT /tags/{name}": lambda: {},
    "POST /teams": lambda: {"name": f"Team {next(_numbers)}"}, "PATCH /teams/{id}": lambda: {"name": "Returns"},
    "POST /tokens": lambda: {"name": "x", "scopes": ["conversations.read"]},
    "POST /macros": lambda: {"name": f"Macro {next(_numbers)}", "deeds": {"priority": "high"}}, "POST /macros/{id}/run": lambda: {"ids": ["x"], "key": "x"},
    "POST /rules": lambda: {"name": f"Rule {next(_numbers)}", "event": "sla.warning", "deeds": {"priority": "high"}}, "POST /rules/dry-run": lambda: {"event": "sla.warning", "deeds": {"priority": "high"}},
    "POST /rules/order": lambda: {"ids": []},
    "POST /roles": lambda: {"name": f"Role {next(_numbers)}", "permissions": []},
    "POST /sla-policies": lambda: {"name": f"Promise {next(_numbers)}", "first_response": 600}, "PATCH /sla-policies/{id}": lambda: {"name": "Usual"},
    "POST /report-mails": lambda: {"name": f"Mail {next(_numbers)}"}, "POST /hours": lambda: {"name": f"Hours {next(_numbers)}", "time_zone": "Europe/Paris"}, "PATCH /hours/{id}": lambda: {"name": "Night"},
}


def test_the_desk(shop):
    roles = {role: shop.agent(f"{role}{next(_numbers)}", role.title(), role=role) for role in ROLES[:3]}
    roles["owner"] = shop.anna
    far = shop.agent(f"far{next(_numbers)}", "Far")
    outsiders: dict[str, Person | None] = {"nobody": None, "a user": shop.register(), "a guest": guest(shop)}
    customer, conversation = visitor(shop)
    outsiders["a customer"] = customer
    known = {"agents": far.id, "brands": shop.brand["id"], "inboxes": shop.inbox["id"], "conversations": conversation, "reports": "volume"}
    problems, asked = [], 0
    for route in all_routes():
        if not route["path"].startswith(DESK):
            continue
        short = f"{route['method']} {route['path'].removeprefix(DESK)}"
        path = re.sub(r"\{([^}]+)\}", lambda match: quote(known.get(route["path"][:match.start()].rstrip("/").split("/")[-1], "x")), route["path"])
        body = DESK_BODY.get(short, lambda: {} if route["method"] in ("POST", "PUT", "PATCH") else None)()
        if short in DESK_OPEN:
            continue
        for who, person in outsiders.items():
            answer = (person or shop.anna).request(route["method"], path, body, token=person is not None)
            asked += 1
            if answer.status_code != (401 if person is None else 403) or not answer.headers["content-type"].startswith("application/problem+json"):
                problems.append(f"{short} by {who}: {say(answer)}")
        least = ROLES.index(DESK_LEAST.get(short, "agent"))
        if route["method"] == "DELETE" or route["path"].endswith("/stream"):
            allowed: Iterable[str] = ()       # tried with what must be refused only: deleting is for the tests of each
        else:
            allowed = ROLES[least:]
        for role in ROLES:
            if role in allowed:
                body = DESK_BODY.get(short, lambda: body)()
                answer = roles[role].request(route["method"], path, body)
                if answer.status_code in (401, 403) or answer.status_code >= 500:
                    problems.append(f"{short} by {role}: refused with {say(answer)}")
            elif ROLES.index(role) < least:
                answer = roles[role].request(route["method"], path, body)
                if answer.status_code != 403:
                    problems.append(f"{short} by {role}: {say(answer)}")
            asked += 1
    assert asked > 300
    assert not problems, f"{len(problems)} of {asked}:\n" + "\n".join(problems)


def test_conversations_of_other_inboxes(shop):
    """An agent who is no member of an inbox sees nothing of its conversations; a supervisor does."""
    other = shop.anna.desk("POST", "/inboxes", {"name": "Other", "brand_id": shop.brand["id"]}, expect=201)
    outside = shop.agent(f"outside{next(_numbers)}", "Outside")
    shop.anna.desk("PATCH", f"/agents/{quote(outside.id)}", {"inboxes": [other["id"]]})
    _, conversation = visitor(shop)
    problems = []
    for route in all_routes():
        if not route["path"].startswith(DESK + "/conversations/{id}"):
            continue
        path = route["path"].replace("{id}", conversation).replace("{note}", "x").replace("{merge}", "x")
        bodies = {"spam": {"spam": True}, "merge": {"into": "x"}, "messages": {"key": "k", "body": "x"}, "{event}": {"body": "x"}, "notes": {"key": "k", "body": "x"}, "status": {"status": "resolved"},
                  "priority": {"priority": "high"}, "tags": {"tags": []}, "language": {"language": "fr"}, "draft": {"mode": "reply"}, "later": {"key": "k", "body": "x", "delay_ms": 5000}, "team": {"team": None}, "skills": {"skills": ["vip"]}, "read": {"up_to": "1"}, "typing": {"typing": True}, "assign": {"agent": None}}
        body = bodies.get(path.rsplit("/", 1)[-1], {}) if route["method"] in ("POST", "PUT", "PATCH") else None
        answer = outside.request(route["method"], path, body)
        if answer.status_code not in (403, 404):
            problems.append(f"{name(route)}: {say(answer)}")
    assert not problems, "\n".join(problems)
    assert conversation not in [entry["id"] for entry in outside.conversations()]


# --- the widget ---------------------------------------------------------------------------------------------------------------------

WIDGET_OPEN = {"GET /config", "POST /session", "POST /contact-form", "GET /pictures/{id}"}


def test_the_widget(shop):
    """What a visitor does needs his token; an agent or a user cannot act as one."""
    problems = []
    somebody = shop.register()
    for route in all_routes():
        short = f"{route['method']} {route['path'].removeprefix(WIDGET)}"
        if not route["path"].startswith(WIDGET) or short in WIDGET_OPEN:
            continue
        body = {"inbox": shop.inbox["key"], "txn_id": "t", "content": {"msgtype": "m.text", "body": "x"}, "url": "https://shop.example/", "name": "x"}
        for who, person, wanted in (("nobody", None, (401,)), ("a user", somebody, (401, 403)), ("the owner", shop.anna, (401, 403))):
            answer = (person or somebody).request(route["method"], route["path"], body, token=person is not None)
            if answer.status_code not in wanted:
                problems.append(f"{short} by {who}: {say(answer)}")
    assert not problems, "\n".join(problems)


# --- application services -----------------------------------------------------------------------------------------------------------

REGISTRATION = """id: bridge
url: null
as_token: as-token-of-the-tests
hs_token: hs-token-of-the-tests
sender_localpart: bridge
namespaces:
  users: [{exclusive: true, regex: "@irc_.*"}]
"""


def test_application_services(tmp_path):
    """A service acts as its own users, and as nobody else; it is no administrator, and its token is no agent's."""
    path = tmp_path / "bridge.yaml"
    path.write_text(REGISTRATION)
    with Server("--appservice", str(path)) as server:
        somebody, service = server.register(), Person(server, "bridge", "")
        service.token = "as-token-of-the-tests"
        service.call("POST", C3 + "/register", {"type": "m.login.application_service", "username": "irc_carol"})
        assert service.call("GET", C3 + "/account/whoami", params={"user_id": "@irc_carol:" + server.name})["user_id"].startswith("@irc_carol:")
        problems = []
        for route in all_routes():
            if route["auth"] == "none":
                continue
            path = fill(route["path"], serverName=server.name)
            for who in (somebody.id, "@irc_nobody:" + server.name, "@irc_carol:elsewhere.example", "nonsense"):
                answer = service.request(route["method"], path, params={"user_id": who})
                if answer.is_success or answer.status_code not in (400, 403):
                    problems.append(f"{name(route)} as {who}: {say(answer)}")
            if route["auth"] == "admin":
                answer = service.request(route["method"], path)
                if answer.status_code != 403:
                    problems.append(f"{name(route)} by the service: {say(answer)}")
        for route in all_routes():
            if route["path"].startswith((DESK, WIDGET)) and f"{route['method']} {route['path'].removeprefix(WIDGET)}" not in WIDGET_OPEN \
                    and not route["path"].endswith("/openapi.json"):
                answer = service.request(route["method"], fill(route["path"]), {} if route["method"] != "GET" else None)
                if answer.status_code not in (401, 403):
                    problems.append(f"{name(route)} by the service: {say(answer)}")
        assert not problems, f"{len(problems)}:\n" + "\n".join(problems)
        assert not server.crashed()
