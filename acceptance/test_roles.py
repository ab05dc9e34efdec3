"""Every route of the desk, by every role, on what is of one's own brand and on what is another's.

Two brands live on one server. Everyone but the owner is limited to the first: the built-in roles, and for each permission a role that holds nothing else.
What a role may is said by hand below; a new route does not pass before somebody has decided.
"""

from __future__ import annotations

import base64
import itertools
import re
import time
import uuid
from urllib.parse import quote

import httpx
import pytest

from shop import Agent, Shop
from test_authorisation import DESK, DESK_OPEN, WIDGET, all_routes, say

_numbers = itertools.count(1)

AGENT = {"conversations.read", "conversations.write", "contacts.read", "contacts.write", "canned.use"}
SUPERVISOR = AGENT | {"conversations.all", "conversations.assign", "contacts.merge", "agents.availability", "canned.team", "views.team", "macros.team", "tags.manage", "notes.moderate", "reports.read"}
ALWAYS = {"desk.use", "agents.read", "settings.read"}
IMPLIED = {"conversations.read": {"contacts.read"}, "conversations.write": {"conversations.read"}, "conversations.all": {"conversations.read"},
           "notes.moderate": {"conversations.read"}, "conversations.assign": {"conversations.write"}, "contacts.write": {"contacts.read"}, "contacts.merge": {"contacts.write"}, "contacts.export": {"contacts.read"},
           "canned.team": {"canned.use"}, "views.team": {"conversations.read"}, "reports.read": {"conversations.read"}, "macros.team": {"conversations.write"}, "rules.manage": {"conversations.read"}, "agents.manage": {"agents.availability"}}

# Which permission a route asks for.
NEEDS = {
    "GET /stream": "desk.use", "GET /me": "desk.use", "PATCH /me": "desk.use", "PUT /me/availability": "desk.use", "POST /me/heartbeat": "desk.use",
    "PUT /me/picture": "desk.use", "DELETE /me/picture": "desk.use", "GET /counts": "conversations.read",
    "GET /contacts": "contacts.read", "GET /contacts/{id}": "contacts.read", "PATCH /contacts/{id}": "contacts.write", "GET /contacts/{id}/conversations": "contacts.read",
    **{name: "contacts.read" for name in (
        "GET /attributes", "GET /contacts/{id}/timeline", "GET /contacts/{id}/identities", "POST /contacts/find", "GET /companies", "GET /companies/{id}", "GET /companies/{id}/contacts",
        "GET /companies/{id}/conversations", "GET /segments", "POST /segments", "PATCH /segments/{id}", "DELETE /segments/{id}")},
    **{name: "contacts.write" for name in (
        "PUT /contacts/{id}/attributes/{key}", "POST /contacts/{id}/notes", "DELETE /contacts/{id}/notes/{note}", "POST /contacts/{id}/addresses", "DELETE /contacts/{id}/addresses/{address}",
        "PUT /contacts/{id}/addresses/{address}/main", "POST /companies", "PATCH /companies/{id}", "DELETE /companies/{id}")},
    "GET /contacts/{id}/export": "contacts.export", "PUT /conversations/{id}/spam": "conversations.write", "POST /conversations/{id}/merge": "conversations.write", "POST /conversations/{id}/merges/{merge}/undo": "conversations.write", "PUT /contacts/{id}/blocked": "contacts.write", "GET /contacts/{id}/consents": "contacts.read", "POST /contacts/{id}/consents": "contacts.write",
    "GET /contacts/{id}/duplicates": "contacts.read", "GET /contacts/{id}/merges": "contacts.read",
    **{name: "contacts.merge" for name in ("PUT /contacts/{id}/duplicates/{other}/dismissed", "POST /contacts/{id}/merge", "POST /contacts/{id}/merges/{merge}/undo")},
    "PUT /attributes/{id}": "settings.manage", "DELETE /attributes/{id}": "settings.manage",
    "GET /conversations": "conversations.read", "GET /conversations/{id}": "conversations.read", "GET /conversations/{id}/timeline": "conversations.read",
    **{f"POST /conversations/{{id}}/{what}": "conversations.write" for what in ("take", "assign", "messages", "typing", "notes")},
    **{f"PUT /conversations/{{id}}/{what}": "conversations.write" for what in ("status", "priority", "tags", "language", "team", "skills")},
    **{f"POST /conversations/{{id}}/{what}": "conversations.read" for what in ("read", "viewing")},
    "DELETE /conversations/{id}/notes/{note}": "conversations.write", "GET /mentions": "conversations.read", "GET /tags": "conversations.read",
    "PUT /tags/{name}": "tags.manage", "DELETE /tags/{name}": "tags.manage",
    "GET /brands": "settings.read", "GET /brands/{id}": "settings.read", "POST /brands": "settings.manage", "PATCH /brands/{id}": "settings.manage",
    "DELETE /brands/{id}": "settings.manage", "PUT /brands/{id}/logo": "settings.manage", "DELETE /brands/{id}/logo": "settings.manage",
    "GET /inboxes": "settings.read", "GET /inboxes/{id}": "settings.read", "POST /inboxes": "settings.manage", "PATCH /inboxes/{id}": "settings.manage",
    "DELETE /inboxes/{id}": "settings.manage", "POST /inboxes/{id}/identity-secret": "settings.manage",
    "GET /roles": "agents.read", "POST /roles": "roles.manage", "PATCH /roles/{id}": "roles.manage", "DELETE /roles/{id}": "roles.manage",
    "GET /canned": "canned.use", "POST /canned": "canned.use", "PATCH /canned/{id}": "canned.use", "DELETE /canned/{id}": "canned.use", "POST /canned/preview": "canned.use",
    **{f"{method} /views{more}": "conversations.read" for method, more in (("GET", ""), ("GET", "/counts"), ("POST", ""), ("POST", "/preview"), ("PATCH", "/{id}"), ("DELETE", "/{id}"), ("GET", "/{id}/conversations"))},
    "POST /conversations/bulk": "conversations.write", "POST /bulk/{id}/undo": "conversations.write",
    **{name: "webhooks.manage" for name in (
        "GET /webhooks", "POST /webhooks", "PATCH /webhooks/{id}", "DELETE /webhooks/{id}",
        "POST /webhooks/{id}/secret", "POST /webhooks/{id}/test", "GET /webhooks/{id}/deliveries", "POST /webhooks/{id}/deliveries/{delivery}/replay")},
    "PATCH /conversations/{id}/messages/{event}": "conversations.write", "DELETE /conversations/{id}/messages/{event}": "conversations.write",
    "GET /me/notifications": "desk.use", "PUT /me/notifications": "desk.use", "PUT /conversations/{id}/follow": "conversations.read", "DELETE /conversations/{id}/follow": "conversations.read",
    **{f"{what} /macros{more}": "conversations.write" for what, more in (("GET", ""), ("POST", ""), ("PATCH", "/{id}"), ("DELETE", "/{id}"), ("POST", "/{id}/run"))},
    **{f"{what} /rules{more}": "rules.manage" for what, more in (("GET", ""), ("POST", ""), ("PATCH", "/{id}"), ("DELETE", "/{id}"), ("POST", "/order"), ("POST", "/dry-run"), ("GET", "/log"))},
    "GET /tokens": "tokens.manage", "POST /tokens": "tokens.manage", "DELETE /tokens/{id}": "tokens.manage", "GET /audit": "audit.read", "GET /audit/export": "audit.read",
    "GET /hours": "settings.read", "GET /hours/{id}": "settings.read", "POST /hours": "settings.manage", "PATCH /hours/{id}": "settings.manage", "DELETE /hours/{id}": "settings.manage",
    "GET /search": "conversations.read",
    "GET /drafts": "conversations.read", "PUT /conversations/{id}/draft": "conversations.write",
    "GET /later": "conversations.read", "GET /conversations/{id}/later": "conversations.read",
    **{name: "conversations.write" for name in ("POST /conversations/{id}/later", "PATCH /later/{id}", "DELETE /later/{id}", "POST /later/{id}/now")},
    "GET /sla-policies": "settings.read", "GET /sla-policies/{id}": "settings.read",
    **{f"{method} /sla-policies{more}": "settings.manage" for method, more in (("POST", ""), ("PATCH", "/{id}"), ("DELETE", "/{id}"))},
    "GET /inboxes/{id}/survey": "settings.read", "PUT /inboxes/{id}/survey": "settings.manage",
    **{f"GET /reports/{{metric}}{more}": "reports.read" for more in ("", "/groups", "/conversations", "/export")}, "GET /wallboard": "reports.read",
    **{name: "reports.read" for name in ("GET /report-mails", "POST /report-mails", "PATCH /report-mails/{id}", "DELETE /report-mails/{id}", "POST /report-mails/{id}/test")},
    "GET /recount": "settings.manage", "POST /recount": "settings.manage",
    "GET /teams": "agents.read", "GET /teams/{id}": "agents.read", "POST /teams": "agents.manage", "PATCH /teams/{id}": "agents.manage", "DELETE /teams/{id}": "agents.manage",
    "GET /agents": "agents.read", "GET /agents/{id}": "agents.read", "POST /agents": "agents.manage", "PATCH /agents/{id}": "agents.availability",
    "PUT /agents/{id}/picture": "agents.manage", "DELETE /agents/{id}/picture": "agents.manage",
}
# The whole server's: for those who are limited to no brand, whatever their permissions.
WHOLE = {"GET /recount", "POST /recount", "PUT /attributes/{id}", "DELETE /attributes/{id}", "POST /sla-policies", "PATCH /sla-policies/{id}", "DELETE /sla-policies/{id}", "POST /hours", "PATCH /hours/{id}", "DELETE /hours/{id}", "GET /audit", "GET /audit/export", "POST /brands", "DELETE /brands/{id}", "POST /roles", "PATCH /roles/{id}", "DELETE /roles/{id}", "PUT /tags/{name}", "DELETE /tags/{name}"}
# Of one's own brand, but of people who may more than whoever has this permission alone.
# Everybody's, to look at.
SHARED = {"GET /hours/{id}", *(f"GET /reports/{{metric}}{more}" for more in ("", "/groups", "/conversations", "/export"))}
MORE = {"PATCH /conversations/{id}/messages/{event}", "PATCH /macros/{id}", "DELETE /macros/{id}", "PATCH /report-mails/{id}", "POST /report-mails/{id}/test", "POST /conversations/{id}/merges/{merge}/undo", "PUT /contacts/{id}/duplicates/{other}/dismissed", "POST /contacts/{id}/merges/{merge}/undo", "PATCH /segments/{id}", "PUT /contacts/{id}/addresses/{address}/main", "PATCH /later/{id}", "POST /later/{id}/now", "POST /webhooks/{id}/deliveries/{delivery}/replay", "DELETE /tokens/{id}", "POST /bulk/{id}/undo", "PATCH /views/{id}", "DELETE /views/{id}", "PATCH /canned/{id}", "DELETE /canned/{id}", "PUT /agents/{id}/picture", "DELETE /agents/{id}/picture"}


def whole(permissions: set[str]) -> set[str]:
    found, queue = set(), list(permissions | ALWAYS)
    while queue:
        one = queue.pop()
        if one not in found:
            found.add(one)
            queue += IMPLIED.get(one, ())
    return found


class World:
    """Two brands with all that belongs to a brand."""

    def __init__(self, shop: Shop):
        self.shop, anna = shop, shop.anna
        self.permissions = {entry["id"] for entry in anna.desk("GET", "/roles")["permissions"]}
        self.own = {"brands": shop.brand["id"], "inboxes": shop.inbox["id"]}
        brand = anna.desk("POST", "/brands", {"name": "Zephyr"}, expect=201)
        inbox = anna.desk("POST", "/inboxes", {"name": "Quai Zephyr", "key": "zephyr", "brand_id": brand["id"]}, expect=201)
        self.other = {"brands": brand["id"], "inboxes": inbox["id"]}
        for side, key, word in ((self.own, shop.inbox["key"], "lanterne"), (self.other, "zephyr", "mistral")):
            colleague = shop.agent(f"colleague-{word}", f"Colleague {word}", online=False)
            anna.desk("PATCH", f"/agents/{quote(colleague.id)}", {"brands": [side["brands"]], "inboxes": [side["inboxes"]]})
            person = Agent(shop, f"visitor-{word}", "")
            answer = person.call("POST", WIDGET + "/session", {"inbox": key, "language": "fr"}, token=False)
            person.token, person.id = answer["access_token"], answer["user_id"]
            said = person.call("POST", WIDGET + "/conversations", {"inbox": key, "txn_id": str(uuid.uuid4()), "content": {"msgtype": "m.text", "body": f"une {word}"}})
            side["agents"], side["conversations"], side["contacts"] = colleague.id, said["conversation_id"], answer["contact"]["id"]
            anna.desk("PATCH", f"/contacts/{side['contacts']}", {"name": f"Madame {word}", "email": f"{word}@example.org"})
            anna.desk("POST", f"/conversations/{side['conversations']}/notes", {"key": "n", "body": f"note {word}"}, expect=201)
            side["notes"] = anna.timeline(side["conversations"])[-1]["note"]["id"]
            anna.desk("PUT", f"/conversations/{side['conversations']}/tags", {"tags": [f"tag-{word}"]})
            side["tags"] = f"tag-{word}"
            side["teams"] = anna.desk("POST", "/teams", {"name": f"Team {word}", "members": [colleague.id]}, expect=201)["id"]
            side["views"] = anna.desk("POST", "/views", {"name": f"View {word}", "scope": "team", "filter": {"inboxes": [side["inboxes"]]}}, expect=201)["id"]
            side["bulk"] = "x"
            side["companies"] = anna.desk("PATCH", f"/contacts/{side['contacts']}", {"company": f"Maison {word}"})["company_id"]
            side["segments"] = anna.desk("POST", "/segments", {"name": f"Segment {word}", "scope": "team", "filter": {"brands": [side["brands"]]}}, expect=201)["id"]
            anna.desk("POST", f"/contacts/{side['contacts']}/notes", {"key": "n", "body": f"aime le {word}"}, expect=201)
            side["addresses"] = anna.desk("POST", f"/contacts/{side['contacts']}/addresses", {"kind": "email", "value": f"autre@{word}.example"}, expect=201)["items"][-2]["id"]
            side["attributes"] = anna.desk("PUT", "/attributes/size", {"name": "Size", "kind": "text"})["key"]
            side["later"] = anna.desk("POST", f"/conversations/{side['conversations']}/later", {"key": "l", "body": f"plus tard {word}", "at": int(time.time() * 1000) + 86_400_000}, expect=201)["id"]
            anna.desk("PUT", f"/conversations/{side['conversations']}/draft", {"reply": f"draft {word}", "note": "", "mode": "reply", "device": "d"})
            side["webhooks"] = anna.desk("POST", "/webhooks", {"name": f"Hook {word}", "url": "http://127.0.0.1:1/", "events": ["note.deleted"], "brands": [side["brands"]]}, expect=201)["id"]
            side["macros"] = anna.desk("POST", "/macros", {"name": f"Macro {word}", "scope": "all", "brand_id": side["brands"], "deeds": {"priority": "high"}}, expect=201)["id"]
            side["rules"] = anna.desk("POST", "/rules", {"name": f"Rule {word}", "event": "message.customer", "brand_id": side["brands"], "conditions": [{"field": "text", "op": "contains", "values": [word]}],
                                                         "deeds": {"add_tags": [f"tag-{word}"]}}, expect=201)["id"]
            person.call("POST", WIDGET + "/conversations", {"inbox": key, "txn_id": str(uuid.uuid4()), "content": {"msgtype": "m.text", "body": f"encore une {word}"}})
            side["tokens"] = anna.desk("POST", "/tokens", {"name": f"Token {word}", "scopes": ["desk.use"]}, expect=201)["id"]
            side["canned"] = anna.desk("POST", "/canned", {"shortcut": word, "body": f"Le {word}", "scope": "team", "brand_id": side["brands"]}, expect=201)["id"]
        self.own["hours"] = self.other["hours"] = anna.desk("POST", "/hours", {"name": "Days", "time_zone": "Europe/Paris"}, expect=201)["id"]
        self.own["sla-policies"] = anna.desk("POST", "/sla-policies", {"name": "Usual", "first_response": 600, "inboxes": [self.own["inboxes"], inbox["id"]]}, expect=201)["id"]
        self.other["sla-policies"] = anna.desk("POST", "/sla-policies", {"name": "Promise of the mistral", "first_response": 600, "inboxes": [inbox["id"]]}, expect=201)["id"]
        self.own["reports"] = self.other["reports"] = "volume"
        self.own["roles"] = self.other["roles"] = anna.desk("POST", "/roles", {"name": "Nobody's", "permissions": []}, expect=201)["id"]
        self.people: dict[str, tuple[Agent, set[str]]] = {}
        for role, may in (("agent", AGENT), ("supervisor", SUPERVISOR), ("admin", self.permissions)):
            self._person(role, role, may)
        for permission in sorted(self.permissions - ALWAYS):
            role = anna.desk("POST", "/roles", {"name": f"Only {permission}", "permissions": [permission]}, expect=201)
            self._person("only " + permission, role["id"], {permission})

    def _person(self, who: str, role: str, may: set[str]) -> None:
        person = self.shop.agent(f"person{next(_numbers)}", who.title(), online=False)
        self.shop.anna.desk("PATCH", f"/agents/{quote(person.id)}", {"role": role, "brands": [self.own["brands"]], "inboxes": [self.own["inboxes"]]})
        self.people[who] = person, whole(may)


@pytest.fixture(scope="module")
def world():
    with Shop() as shop:
        yield World(shop)
        assert not shop.crashed(), shop.tail()


def path_of(template: str, side: dict[str, str]) -> str:
    def value(match: re.Match) -> str:
        kind = template[:match.start()].rstrip("/").split("/")[-1]
        return quote(side.get(kind, "x"), safe="")
    return re.sub(r"\{([^}]+)\}", value, template)


PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
BODY = {
    "take": {"force": True}, "assign": {"agent": None}, "status": {"status": "pending"}, "priority": {"priority": "high"}, "language": {"language": "fr"}, "read": {"up_to": "1"},
    "viewing": {"viewing": False}, "typing": {"typing": False}, "preview": {"body": "x"}, "availability": {"availability": "offline"},
    "spam": {"spam": False}, "blocked": {"blocked": False}, "consents": {"channel": "email", "purpose": "news", "state": "given", "source": "chat"},
    "survey": {"active": False}, "team": {"team": None}, "skills": {"skills": []}, "draft": {"reply": "x", "note": "", "mode": "reply", "device": "d"},
}


def body_of(short: str, side: dict[str, str]) -> dict | None:
    method, path = short.split(" ")
    if method in ("GET", "DELETE"):
        return None
    last = path.split("/")[-1]
    if short == "PUT /conversations/{id}/tags":
        return {"tags": [side["tags"]]}
    if last == "later":
        return {"key": str(uuid.uuid4()), "body": "x", "at": int(time.time() * 1000) + 86_400_000}
    if last in ("messages", "notes"):
        return {"key": str(uuid.uuid4()), "body": "x"}
    if short == "POST /contacts/find":
        return {"filter": {}}
    if last == "merge":
        return {"other": "x", "into": "x"}
    if short == "POST /companies":
        return {"name": f"Company {next(_numbers)}", "brand_id": side["brands"]}
    if last == "addresses":
        return {"kind": "email", "value": f"a{next(_numbers)}@example.org"}
    if short == "PUT /contacts/{id}/attributes/{key}":
        return {"value": "40"}
    if short == "PUT /attributes/{id}":
        return {"name": "Size", "kind": "text"}
    if short == "PATCH /agents/{id}":
        return {"availability": "away"}
    if short == "POST /conversations/bulk":
        return {"ids": [side["conversations"]], "priority": "urgent"}
    if short in ("POST /brands", "POST /roles", "POST /teams", "POST /views", "POST /segments"):
        return {"name": f"New {next(_numbers)}", "permissions": []}
    if short == "POST /report-mails":
        return {"name": f"Mail {next(_numbers)}"}
    if short == "POST /hours":
        return {"name": f"Hours {next(_numbers)}", "time_zone": "Europe/Paris"}
    if short == "POST /sla-policies":
        return {"name": f"Promise {next(_numbers)}", "first_response": 600}
    if short == "POST /webhooks":
        return {"name": "x", "url": "http://127.0.0.1:1/", "events": ["message.created"]}
    if short == "POST /macros":
        return {"name": "x", "deeds": {"priority": "high"}}
    if last == "{event}":
        return {"body": "x"}
    if last == "run":
        return {"ids": [side["conversations"]], "key": str(uuid.uuid4())}
    if short in ("POST /rules", "POST /rules/dry-run"):
        return {"name": "x", "event": "sla.warning", "deeds": {"priority": "high"}}
    if short == "POST /rules/order":
        return {"ids": []}
    if short == "POST /tokens":
        return {"name": "x", "scopes": ["desk.use"]}
    if short == "POST /inboxes":
        return {"name": f"New {next(_numbers)}", "brand_id": side["brands"]}
    if short == "POST /agents":
        return {"username": f"new{next(_numbers)}", "password": "correct horse battery", "name": "New", "role": "agent", "inboxes": [side["inboxes"]]}
    if short == "POST /canned":
        return {"shortcut": f"new{next(_numbers)}", "body": "x", "scope": "personal"}
    if short == "PUT /tags/{name}":
        return {"colour": "#112233"}
    return dict(BODY.get(last, {}))


def test_every_route_by_every_role_on_own_and_other_brands(world):
    problems, asked = [], 0
    for route in all_routes():
        if not route["path"].startswith(DESK):
            continue
        template = route["path"].removeprefix(DESK)
        short = f"{route['method']} {template}"
        if short in DESK_OPEN:
            continue
        if short not in NEEDS:
            problems.append(f"{short}: nobody has decided who may")
            continue
        names_something = "{" in template
        for who, (person, may) in world.people.items():
            for whose, side in (("own", world.own), ("other", world.other)):
                may_at_all = NEEDS[short] in may
                if may_at_all and whose == "own" and (route["method"] == "DELETE" or template == "/stream" or short in MORE) and short not in WHOLE:
                    continue          # what it does is for the tests of each; here what must be refused
                if whose == "other" and short in SHARED:
                    continue
                if whose == "other" and not names_something and short not in ("POST /inboxes", "POST /agents", "POST /conversations/bulk"):
                    continue          # lists and the like are looked into below
                more = {"content": PNG, "headers": {"Content-Type": "image/png"}} if route["method"] == "PUT" and template.endswith(("/picture", "/logo")) else {}
                answer = person.request(route["method"], DESK + path_of(template, side), None if more else body_of(short, side), **more)
                asked += 1
                status = answer.status_code
                if not may_at_all or short in WHOLE:
                    if status != 403:
                        problems.append(f"{short} by {who}, {whose} brand: {say(answer)}")
                elif short == "POST /agents" and not AGENT <= may:
                    if status != 403:     # whoever may make agents may not give a role that holds more than his own
                        problems.append(f"{short} by {who}, {whose} brand: {say(answer)}")
                elif whose == "other" and short == "POST /conversations/bulk":
                    if status != 200 or '"not_found"' not in answer.text or "mistral" in answer.text:     # told one by one
                        problems.append(f"{short} by {who}, another's brand: {say(answer)}")
                elif whose == "other":
                    if status not in (400, 404) or (status == 400 and names_something):
                        problems.append(f"{short} by {who}, another's brand: {say(answer)}")
                elif status in (401, 403, 404) or status >= 500:
                    if not (template.endswith("/assign") and "conversations.assign" not in may):     # it is a colleague's by now
                        problems.append(f"{short} by {who}, own brand: refused with {say(answer)}")
    assert asked > 1500
    assert world.shop.anna.desk("GET", f"/conversations/{world.other['conversations']}")["priority"] == "none"
    assert not problems, f"{len(problems)} of {asked}:\n" + "\n".join(problems[:60])


def test_no_answer_tells_of_another_brand(world):
    """Whatever one reads, nothing of the other brand is in it: no id, no name, no word that was written there."""
    marks = [world.other[key] for key in ("brands", "inboxes", "agents", "conversations", "contacts", "notes", "canned", "teams", "views", "webhooks", "sla-policies", "companies", "segments", "macros", "rules")] + ["mistral", "Zephyr"]
    problems, read = [], 0
    queries = {"/conversations": ["", "?view=any", "?view=any&q=mistral", f"?view=any&inbox={world.other['inboxes']}", f"?view=any&contact={world.other['contacts']}",
                                  f"?view=any&assignee={quote(world.other['agents'])}", "?view=any&tag=tag-mistral"],
               "/contacts": ["", "?q=mistral"], "/companies": ["", "?q=mistral"], "/search": ["?q=mistral", "?q=zephyr", "?q=lanterne", f"?q=une&inbox={world.other['inboxes']}"], "/canned": ["", "?q=mistral"]}
    for route in all_routes():
        template = route["path"].removeprefix(DESK)
        if not route["path"].startswith(DESK) or route["method"] != "GET" or template in ("/stream", "/openapi.json"):
            continue
        for who, (person, may) in world.people.items():
            if NEEDS.get(f"GET {template}") not in may or f"GET {template}" in WHOLE:
                continue
            for query in queries.get(template, [""]):
                answer = person.request("GET", DESK + path_of(template, world.own) + query)
                assert answer.status_code == 200 or "{" in template, f"{template} by {who}: {say(answer)}"
                read += 1
                problems += [f"GET {template}{query} by {who} tells of {mark}" for mark in marks if mark in answer.text]
    assert read > 150
    assert not problems, "\n".join(problems[:40])
    # the owner is told all of it: the marks are real ones
    everything = "".join(world.shop.anna.request("GET", DESK + path).text for path in
                         ("/me", "/agents", "/teams", "/views", "/webhooks", "/sla-policies", "/macros", "/rules", "/canned", "/conversations?view=any", "/contacts", "/companies", "/segments", f"/conversations/{world.other['conversations']}/timeline"))
    assert [mark for mark in marks if mark not in everything] == []


def test_the_stream_tells_nothing_of_another_brand(world):
    anna, since = world.shop.anna, world.shop.anna.desk("GET", "/me")["position"]
    other, own = world.other, world.own
    anna.desk("POST", f"/conversations/{other['conversations']}/messages", {"key": str(uuid.uuid4()), "body": "encore le mistral"}, expect=201)
    anna.desk("PATCH", f"/contacts/{other['contacts']}", {"company": "Zephyr SARL"})
    anna.desk("PATCH", f"/agents/{quote(other['agents'])}", {"capacity": 3})
    anna.desk("PUT", f"/conversations/{other['conversations']}/priority", {"priority": "low"})
    anna.desk("PATCH", f"/brands/{own['brands']}", {"name": "Maison Lumen FIN"})
    anna.desk("POST", f"/conversations/{own['conversations']}/messages", {"key": str(uuid.uuid4()), "body": "FIN"}, expect=201)
    marks = [other["agents"], other["conversations"], other["contacts"], other["inboxes"], "mistral", "Zephyr"]

    def told(person: Agent) -> str:
        text, end = "", time.monotonic() + 20
        with httpx.stream("GET", f"{world.shop.base}{DESK}/stream?since={since}", headers={"Authorization": f"Bearer {person.token}"}, timeout=20) as answer:
            for chunk in answer.iter_text():
                text += chunk
                if '"body":"FIN"' in text or time.monotonic() > end or ("settings.updated" in text and not person.sees):
                    break
        return text

    problems = []
    for who, (person, may) in world.people.items():
        person.sees = "conversations.read" in may
        text = told(person)
        problems += [f"{who} is told of {mark}" for mark in marks if mark in text]
        if person.sees and '"body":"FIN"' not in text:
            problems.append(f"{who} is not told what is his")
        if not person.sees and own["conversations"] in text:
            problems.append(f"{who} is told of conversations")
    assert not problems, "\n".join(problems)
    anna.sees = True
    assert all(mark in told(anna) for mark in marks)
