"""The routes of the desk and of the widget get bad input from people who may use them: an owner, and a visitor in a conversation."""

from __future__ import annotations

import json
import random
import re
import uuid
from urllib.parse import quote

import httpx
import pytest

from shop import Agent, Shop
from test_bad_input import BROKEN, DEEP, DEEP_LISTS, JUNK_PARTS, KEYS, NOT_AN_OBJECT, SEED, WRONG, fault, routes

WIDGET = "/_comptoir/widget/v1"
WRITING = ("POST", "PUT", "PATCH")
ANY_BODY = re.compile(r"/(picture|logo|heartbeat|identity-secret|take|end)$")
DESK_KEYS = """accent agent agent_id agents allowed_origins availability body bot brand brand_id capacity colour colour_dark contact_form default_language email external_id file filename
first_name identity inbox inboxes intro is_active key kind labels languages last_name limit members mentions mode name notes on_colour opening_hours page phone priority public_name reply_time
resume role rooms seconds size snoozed_until status tags team texts title token type until up_to url username user_id user_hash value variables view website typing""".split()


@pytest.fixture(scope="module")
def shop():
    with Shop("--log-level", "info") as shop:
        yield shop
        assert not shop.crashed(), shop.tail()


def visitor(shop: Shop) -> tuple[Agent, dict]:
    """A visitor of the shop's site who has written once."""
    person = Agent(shop, "visitor", "")
    answer = person.call("POST", WIDGET + "/session", {"inbox": shop.inbox["key"], "language": "fr"}, token=False)
    person.token, person.id = answer["access_token"], answer["user_id"]
    started = person.call("POST", WIDGET + "/conversations", {
        "inbox": shop.inbox["key"], "txn_id": str(uuid.uuid4()), "content": {"msgtype": "m.text", "body": "Bonjour"}})
    return person, started


def attack(shop: Shop, probe) -> None:
    """`probe(route)` gives (what, path template, body, headers, must be refused) for one route."""
    guest, _ = visitor(shop)
    problems, asked = [], 0
    for route in routes():
        path = route["path"]
        if not path.startswith(("/_comptoir/desk/", WIDGET)) or path.endswith("/stream"):
            continue
        person = guest if path.startswith(WIDGET) else shop.anna
        name = f"{route['method']} {path}"
        what = "?"
        try:
            for what, address, body, refused in probe(route):
                asked += 1
                headers = {"Authorization": f"Bearer {person.token}"} | ({} if body is None else {"Content-Type": "application/json"})
                answer = person.http.request(route["method"], address, content=body, headers=headers, timeout=20)
                if wrong := fault(answer):
                    problems.append(f"{name} [{what}]: {wrong}")
                elif answer.status_code >= 400 and not answer.headers["content-type"].startswith("application/problem+json"):
                    problems.append(f"{name} [{what}]: {answer.status_code} is no problem+json")
                elif refused and answer.status_code < 400:
                    problems.append(f"{name} [{what}]: accepted with {answer.status_code}")
        except httpx.TransportError as error:
            problems.append(f"{name} [after {what}]: no answer: {error!r}")
            if not shop.alive():
                problems.append(f"the server ended:\n{shop.tail(15)}")
                break
        if path.endswith("/end"):
            guest, _ = visitor(shop)       # that session is over
    assert not problems, f"{len(problems)} of {asked}:\n" + "\n".join(problems[:60])
    assert asked > 0 and shop.alive()
    assert shop.anna.desk("GET", "/agents")["items"], "the owner is still the owner"


_known: dict[str, str] = {}


def fill(shop: Shop, template: str, junk: str | None = None) -> str:
    if not _known:
        me = shop.anna.desk("GET", "/me")
        _known.update(conversations=shop.anna.conversations()[0]["id"], agents=me["agent"]["id"], inboxes=shop.inbox["id"], brands=shop.brand["id"])

    def value(match: re.Match) -> str:
        collection = template[:match.start()].rstrip("/").split("/")[-1]
        return quote(_known.get(collection, "x") if junk is None else junk, safe="")

    return re.sub(r"\{([^}]+)\}", value, template)


# An owner may delete and demote for good; what these tests must not do by accident is left to the junk-in-the-path test.
def harmless(route: dict) -> bool:
    return route["method"] != "DELETE" and not route["path"].endswith(("/agents/{id}", "/end", "/inboxes/{id}", "/brands/{id}"))


def test_what_is_no_json_object_is_refused(shop):
    def probe(route):
        if route["method"] in WRITING:
            for what, body in {**BROKEN, **NOT_AN_OBJECT, "deep objects": DEEP, "deep lists": DEEP_LISTS}.items():
                yield what, fill(shop, route["path"]), body, not ANY_BODY.search(route["path"])

    visitor(shop)
    attack(shop, probe)


def test_wrong_types_never_break_the_server(shop):
    chance = random.Random(SEED)
    keys = KEYS + DESK_KEYS * 3

    def probe(route):
        if route["method"] in WRITING and harmless(route):
            for _ in range(40):
                body = {key: chance.choice(WRONG) for key in chance.sample(keys, chance.randint(1, 60))}
                yield json.dumps(body)[:300], fill(shop, route["path"]), json.dumps(body).encode(), False

    visitor(shop)
    attack(shop, probe)


def test_junk_in_the_path(shop):
    def probe(route):
        if "{" in route["path"]:
            for part in JUNK_PARTS:
                yield repr(part)[:60], fill(shop, route["path"], part), b"{}" if route["method"] in WRITING else None, False

    visitor(shop)
    attack(shop, probe)


def test_junk_in_the_query(shop):
    chance = random.Random(SEED)
    names = ["view", "limit", "cursor", "before", "after", "q", "status", "inbox", "assignee", "tag", "sort", "language", "around", "since", "key"]
    values = ["", "-1", "0", "99999999999999999999", "abc", "%00", "null", "{", "x" * 4000, "é", "[]", "1e9", "2026-13-45", "eyJhIjoxfQ"]

    def probe(route):
        if route["method"] == "GET":
            for _ in range(30):
                query = "&".join(f"{name}={quote(chance.choice(values), safe='%')}" for name in chance.sample(names, 5))
                yield query[:200], fill(shop, route["path"]) + "?" + query, None, False

    visitor(shop)
    attack(shop, probe)


def test_a_required_field_that_is_null_is_refused(shop):
    """Everything else is right, and one field is null, blank or of another kind: a rule that lets that through must not end the server."""
    guest, _ = visitor(shop)
    key, good = shop.inbox["key"], {"msgtype": "m.text", "body": "Bonjour"}
    conversation = f"/_comptoir/desk/v1/conversations/{shop.anna.conversations()[0]['id']}"
    bodies = [
        (guest, "POST", WIDGET + "/conversations", {"inbox": key, "txn_id": "n1", "content": good}),
        (guest, "POST", WIDGET + "/contact-form", {"inbox": key, "key": "n2", "name": "Zoé", "email": "zoe@shop.example", "message": "Bonjour"}),
        (shop.anna, "POST", conversation + "/messages", {"key": "n3", "type": "text", "body": "Bonjour"}),
        (shop.anna, "POST", conversation + "/notes", {"key": "n4", "body": "Une note"}),
        (shop.anna, "PUT", conversation + "/status", {"status": "pending"}),
        (shop.anna, "PUT", conversation + "/priority", {"priority": "high"}),
        (shop.anna, "PUT", conversation + "/language", {"language": "fr"}),
        (shop.anna, "POST", conversation + "/read", {"up_to": "1"}),
        (shop.anna, "POST", "/_comptoir/desk/v1/canned", {"shortcut": "bonjour", "body": "Bonjour"}),
        (shop.anna, "PUT", "/_comptoir/desk/v1/me/availability", {"availability": "online"}),
        (shop.anna, "POST", "/_comptoir/desk/v1/agents", {"username": "nadia", "password": "a long password", "name": "Nadia", "role": "agent"}),
        (shop.anna, "PUT", "/_comptoir/desk/v1/tags/urgent", {"colour": "#B3261E"}),
    ]
    problems = []
    for person, method, path, body in bodies:
        for field, value in [(f, v) for f in body for v in (None, "", "   ", 5, [], {}, True)]:
            answer = person.request(method, path, body | {field: value})
            if wrong := fault(answer):
                problems.append(f"{method} {path} with {field}={value!r}: {wrong}")
        answer = person.request(method, path, body)
        if not answer.is_success and "taken" not in answer.text:      # the account is made by the first body that is right
            problems.append(f"{method} {path}: what is right is refused: {answer.status_code} {answer.text[:200]}")
    assert not problems, "\n".join(problems)
    assert shop.alive()
