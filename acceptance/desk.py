"""A shop on a server: agents, an inbox, customers, by the two APIs of the counter."""

from __future__ import annotations

import io
import itertools
import os
import re
import uuid

import httpx
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from server import Person, Server, run

PASSWORD = "correct horse"
DESK = "/_comptoir/desk/v1"
WIDGET = "/_comptoir/widget/v1"
# How pages are looked at: two of the four pairs of language and scheme see everything; all four with COMPTOIR_ALL_LOOKS.
LOOKS = [("fr", False), ("en", True)]
if os.environ.get("COMPTOIR_ALL_LOOKS"):
    LOOKS += [("en", False), ("fr", True)]
WIDE = {"desktop": {"width": 1440, "height": 900}, "tablet": {"width": 820, "height": 1180}}
SIZES = WIDE | {"phone": {"width": 390, "height": 844}}


def picture(size: tuple[int, int] = (640, 480), colour: str = "#c05a2a") -> bytes:
    image = Image.new("RGB", size, colour)
    draw = ImageDraw.Draw(image)
    draw.ellipse((size[0] // 4, size[1] // 4, size[0] * 3 // 4, size[1] * 3 // 4), fill="#f4e3c1")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


class Agent(Person):
    """An agent's account, with the calls of the desk."""

    def desk(self, method: str, path: str, json=None, expect: int | tuple[int, ...] = (200, 201, 204), **options):
        answer = self.request(method, DESK + path, json, **options)
        wanted = expect if isinstance(expect, tuple) else (expect,)
        assert answer.status_code in wanted, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None


class Visitor:
    """A customer of the widget API."""

    _numbers = itertools.count(1)

    def __init__(self, shop: "Shop", name: str | None = None, email: str | None = None, lang: str = "fr", page: dict | None = None):
        self.shop, self.lang = shop, lang
        self.http = httpx.Client(base_url=shop.server.base, timeout=60, headers={"Origin": shop.server.base, "Accept-Language": lang})
        body = {"inbox": shop.inbox["key"], "lang": lang}
        if page:
            body["page"] = page
        answer = self._ok(self.http.post(f"{WIDGET}/session", json=body)).json()
        self.token, self.id, self.contact, self.room = answer["access_token"], answer["user_id"], answer["contact"], answer["room_id"]
        self.http.headers["Authorization"] = f"Bearer {self.token}"
        self.conversation: str | None = None
        if name or email:
            self._ok(self.http.put(f"{WIDGET}/me", json={"name": name, "email": email}))

    @staticmethod
    def _ok(answer: httpx.Response) -> httpx.Response:
        assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:500]}"
        return answer

    def _send(self, content: dict) -> str:
        key = f"v{next(self._numbers)}-{uuid.uuid4().hex[:8]}"
        if self.room:
            path = f"/_matrix/client/v3/rooms/{self.room}/send/m.room.message/{key}"
            return self._ok(self.http.put(path, json=content)).json()["event_id"]
        body = {"inbox": self.shop.inbox["key"], "txn_id": key, "lang": self.lang, "content": content}
        answer = self._ok(self.http.post(f"{WIDGET}/conversations", json=body)).json()
        self.room, self.conversation = answer["room_id"], answer["conversation_id"]
        return answer["event_id"]

    def write(self, body: str) -> str:
        return self._send({"msgtype": "m.text", "body": body})

    def photo(self, name: str = "lampe.png") -> str:
        data = picture()
        answer = self._ok(self.http.post("/_matrix/media/v3/upload", params={"filename": name}, content=data,
                                         headers={"Content-Type": "image/png"})).json()
        return self._send({"msgtype": "m.image", "body": name, "url": answer["content_uri"],
                           "info": {"mimetype": "image/png", "size": len(data), "w": 640, "h": 480}})

    def typing(self, yes: bool = True) -> None:
        self._ok(self.http.put(f"/_matrix/client/v3/rooms/{self.room}/typing/{self.id}", json={"typing": yes, "timeout": 30_000}))

    def read(self, event: str) -> None:
        self._ok(self.http.post(f"/_matrix/client/v3/rooms/{self.room}/receipt/m.read/{event}", json={}))

    def events(self) -> list[dict]:
        """All that the customer can see of the room, oldest first."""
        found, start = [], None
        while True:
            parameters = {"dir": "f", "limit": 100} | ({"from": start} if start else {})
            answer = self._ok(self.http.get(f"/_matrix/client/v3/rooms/{self.room}/messages", params=parameters)).json()
            found += answer["chunk"]
            start = answer.get("end")
            if not start or not answer["chunk"]:
                return found

    def texts(self) -> list[str]:
        return [e["content"].get("body", "") for e in self.events() if e["type"] == "m.room.message"]


class Shop:
    """The desk of a server: its owner Anna, colleagues, the inbox `site`."""

    def __init__(self, server: Server, colleagues: tuple[str, ...] = ("karim",), assignment: str = "manual"):
        self.server = server
        run("user", "create", "anna", "--admin", "--data", str(server.data), input=PASSWORD + "\n")
        self.anna = self.agent("anna")
        me = self.anna.desk("GET", "/me")
        self.anna.desk("PATCH", "/me", {"public_name": "Anna", "name": "Anna Lefèvre", "languages": ["fr", "en"]})
        self.brand = self.anna.desk("PATCH", f"/brands/{me['brands'][0]['id']}", {"name": "Maison Lumen", "colour": "#9A3D12"})
        self.inbox = self.anna.desk("PATCH", f"/inboxes/{me['inboxes'][0]['id']}", {"name": "Site", "assignment": assignment})
        self.anna.desk("PUT", "/me/availability", {"availability": "online"})
        self.colleagues: dict[str, Agent] = {}
        for name in colleagues:
            self.anna.desk("POST", "/agents", {"username": name, "password": PASSWORD, "name": name.title(), "public_name": name.title(),
                                               "role": "agent", "languages": ["fr", "en"], "inboxes": [self.inbox["id"]]})
            self.colleagues[name] = self.agent(name)

    def agent(self, name: str) -> Agent:
        agent = Agent(self.server, name, PASSWORD)
        agent.sign(agent.call("POST", "/_matrix/client/v3/login", {
            "type": "m.login.password", "password": PASSWORD, "identifier": {"type": "m.id.user", "user": name}}, token=False))
        return agent

    def visitor(self, name: str | None = None, email: str | None = None, **more) -> Visitor:
        return Visitor(self, name, email, **more)

    def conversation(self, visitor: Visitor) -> dict:
        return self.anna.desk("GET", f"/conversations/{visitor.conversation}")


class Console:
    """The console in a browser, as one agent uses it."""

    def __init__(self, page: Page, shop, lang: str = "fr"):
        self.page, self.lang = page, lang
        self.base = shop.base if isinstance(shop, Server) else shop.server.base

    def sign_in(self, name: str = "anna", password: str = PASSWORD, at: str = "") -> "Console":
        page = self.page
        page.goto(f"{self.base}/desk?lang={self.lang}{at}")
        page.locator("input[name=username]").fill(name)
        page.locator("input[name=password]").fill(password)
        page.locator("button[type=submit]").click()
        expect(page.locator(".desk")).to_be_visible()
        return self

    def view(self, name: str) -> None:
        """Goes to a view by its name in the address: `mine`, `unassigned`, ..."""
        self.page.locator(f".rail a[data-view='{name}']").click()
        expect(self.page.locator(f".rail a[data-view='{name}']")).to_have_attribute("aria-current", "page")

    def row(self, name: str):
        return self.page.locator(".row", has=self.page.locator(".name", has_text=re.compile(f"^{re.escape(name)}$")))

    def open(self, name: str) -> None:
        self.row(name).click()
        expect(self.page.locator(".conversation .head .name")).to_have_text(name)
        expect(self.page.locator(".timeline[aria-busy=false]")).to_be_visible()

    @property
    def area(self):
        return self.page.locator(".write textarea")

    def reply(self, text: str) -> None:
        self.area.fill(text)
        self.area.press("Enter")

    def bubble(self, text: str):
        return self.page.locator(".msg .bubble", has_text=text)

    def toast(self, text: str):
        return self.page.locator(".toast", has_text=text)


def console(people, shop, name: str = "anna", lang: str = "fr", **options) -> Console:
    """A console in a browser of its own, with `name` signed in."""
    return Console(people.page(locale="fr-FR" if lang == "fr" else "en-GB", **options), shop, lang).sign_in(name)


def queue(shop: Shop, *names: str) -> dict[str, Visitor]:
    """Customers of these names, each of whom has written."""
    made = {}
    for name in names:
        made[name] = shop.visitor(name, f"{name.split()[0].lower()}@example.org")
        made[name].write(f"Bonjour de {name}")
    return made
