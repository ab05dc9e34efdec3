"""A shop for browser tests: a server with a desk, its people, and a web site of its own on another origin.

    with Shop() as shop:
        anna = shop.anna                      # the owner, signed in and online
        karim = shop.agent("karim", "Karim")  # one more
        site = shop.site                      # http://localhost:…, not the server's origin
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
import uuid

from playwright.sync_api import Page

from server import Person, Server

SECRET = "registration secret of the tests"
DESK = "/_comptoir/desk/v1"
TEXTS = {
    "fr": {"title": "Maison Lumen", "greeting": "Bonjour 👋", "intro": "Une question sur une lampe\u202f? Écrivez-nous.",
           "offline": "Nous sommes absents. Laissez un message, nous répondrons par e-mail.", "contact_form": "Contactez-nous",
           "thanks": "Merci, nous avons bien reçu votre message."},
    "en": {"title": "Maison Lumen", "greeting": "Hello 👋", "intro": "A question about a lamp? Write to us.",
           "offline": "We are away. Leave a message, we will answer by e-mail.", "contact_form": "Contact us",
           "thanks": "Thank you, we have received your message."},
}


def until(check, what: str, seconds: float = 15):
    """Calls `check` until it gives something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < end, f"{what} did not come true within {seconds} s"
        time.sleep(0.05)


class Agent(Person):
    """Somebody who works at the desk, by its API."""

    def desk(self, method: str, path: str, json=None, expect: int | None = None, **options):
        answer = self.request(method, DESK + path, json, **options)
        assert answer.status_code == expect or (expect is None and answer.is_success), f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    def available(self, how: str = "online") -> None:
        self.desk("PUT", "/me/availability", {"availability": how})
        if how != "offline":
            self.desk("POST", "/me/heartbeat")

    def conversations(self, view: str = "all") -> list[dict]:
        return self.desk("GET", "/conversations", params={"view": view})["items"]

    def conversation(self) -> dict:
        """The only conversation there is; waits for it."""
        items = until(self.conversations, "a conversation")
        assert len(items) == 1, items
        return items[0]

    def timeline(self, conversation: str) -> list[dict]:
        return self.desk("GET", f"/conversations/{conversation}/timeline", params={"limit": 100})["items"]

    def messages(self, conversation: str) -> list[dict]:
        return [i["message"] | {"by": i["author"]["kind"]} for i in self.timeline(conversation) if i["kind"] == "message"]

    def say(self, conversation: str, body: str) -> dict:
        return self.desk("POST", f"/conversations/{conversation}/messages", {"key": str(uuid.uuid4()), "type": "text", "body": body}, expect=201)

    def read(self, conversation: str) -> None:
        newest = self.timeline(conversation)[-1]["id"]
        self.desk("POST", f"/conversations/{conversation}/read", {"up_to": newest})


class Site:
    """Pages of the shop itself, on another origin than the server's: localhost instead of 127.0.0.1."""

    def __init__(self, server: Server):
        self.server = server
        self.pages: dict[str, tuple[str, dict[str, str]]] = {}
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                html, headers = site.pages.get(self.path.split("?")[0], ("", {}))
                body = html.encode()
                self.send_response(200 if html else 404)
                for name, value in {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://localhost:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def page(self, path: str = "/", inbox: str = "default", lang: str | None = None, head: str = "", body: str = "<main><h1>Shop</h1></main>",
             headers: dict[str, str] | None = None) -> str:
        """Puts a page with the widget's script tag; returns its address."""
        language = f' data-lang="{lang}"' if lang else ""
        tag = f'<script src="{self.server.base}/widget.js" data-inbox="{inbox}"{language} async></script>'
        icon = '<link rel="icon" href="data:,">'
        self.pages[path] = (f'<!doctype html><html lang="{lang or "en"}"><head><meta charset="utf-8">'
                            f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>Shop</title>{icon}{head}</head>'
                            f"<body>{body}{tag}</body></html>", headers or {})
        return self.origin + path

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


class Shop(Server):
    def __init__(self, *flags: str, **options):
        super().__init__("--registration-secret", SECRET, *flags, **options)
        self.site: Site
        self.anna: Agent
        self.inbox: dict

    def __enter__(self) -> "Shop":
        super().__enter__()
        self.site = Site(self)
        self.anna = self._owner("anna", "Anna")
        self.brand = self.anna.desk("GET", "/me")["brands"][0]
        self.anna.desk("PATCH", f"/brands/{self.brand['id']}", {
            "name": "Maison Lumen", "colour": "#9A3D12", "colour_dark": "#F2A071", "on_colour": "#FFFFFF", "on_colour_dark": "#1B1410", "texts": TEXTS})
        self.inbox = self.anna.desk("GET", "/inboxes")["items"][0]
        self.anna.available()
        return self

    def __exit__(self, *_) -> None:
        self.site.close()
        super().__exit__()

    def _owner(self, name: str, shown: str) -> Agent:
        agent = Agent(self, name, f"password of {name}")
        nonce = agent.call("GET", "/_synapse/admin/v1/register", token=False)["nonce"]
        text = "\0".join([nonce, name, agent.password, "admin"])
        agent.sign(agent.call("POST", "/_synapse/admin/v1/register", {
            "nonce": nonce, "username": name, "password": agent.password, "admin": True, "displayname": shown,
            "mac": hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).hexdigest()}, token=False))
        agent.desk("GET", "/me")            # the first administrator who comes to an empty desk is its owner
        agent.desk("PATCH", "/me", {"public_name": shown})
        return agent

    def agent(self, name: str, shown: str, role: str = "agent", online: bool = True) -> Agent:
        agent = Agent(self, name, f"password of {name}")
        self.anna.desk("POST", "/agents", {"username": name, "password": agent.password, "name": shown, "public_name": shown, "role": role,
                                           "languages": ["fr", "en"], "inboxes": [self.inbox["id"]]}, expect=201)
        signed = agent.login()
        other = Agent(self, name, agent.password)
        other.id, other.token, other.device = signed.id, signed.token, signed.device
        if online:
            other.available()
        return other

    def set_inbox(self, **change) -> dict:
        self.inbox = self.anna.desk("PATCH", f"/inboxes/{self.inbox['id']}", change)
        return self.inbox

    # --- signed identities of the shop's own customers ----------------------------------------------------------

    def hash(self, user: str) -> str:
        return hmac.new(self.inbox["identity_secret"].encode(), user.encode(), hashlib.sha256).hexdigest()

    def jwt(self, **claims) -> str:
        def part(data: bytes) -> str:
            return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

        head = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        body = part(json.dumps({"exp": int(time.time()) + 600, **claims}).encode())
        return f"{head}.{body}.{part(hmac.new(self.inbox['identity_secret'].encode(), f'{head}.{body}'.encode(), hashlib.sha256).digest())}"


WORDS = {
    "en": {"write": "Write a message…", "send": "Send", "camera": "Take a photo", "shoot": "Take the photo", "use": "Send this photo", "emoji": "Add an emoji",
           "menu": "More", "close": "Close the chat", "offline": "No connection", "name": "Name", "email": "E-mail", "message": "Your message",
           "read": "Read", "sent": "Sent", "delivered": "Delivered", "form": "Contact us", "typing": "is writing"},
    "fr": {"write": "Écrivez un message…", "send": "Envoyer", "camera": "Prendre une photo", "shoot": "Prendre la photo", "use": "Envoyer cette photo",
           "emoji": "Ajouter un émoji", "menu": "Plus", "close": "Fermer la discussion", "offline": "Pas de connexion", "name": "Nom", "email": "E-mail",
           "message": "Votre message", "read": "Lu", "sent": "Envoyé", "delivered": "Remis", "form": "Contactez-nous", "typing": "écrit"},
}


class Chat:
    """The widget on a page, as its customer uses it."""

    def __init__(self, page: Page, lang: str = "en"):
        self.page, self.lang, self.words = page, lang, WORDS[lang]

    def open(self) -> "Chat":
        self.page.wait_for_load_state("load")
        until(lambda: self.page.evaluate("!!window.comptoir"), "the loader")
        self.page.evaluate("window.comptoir.open()")
        self.frame.locator("header.top").wait_for()
        return self

    @property
    def raw(self):
        """The frame itself, behind the closed shadow root."""
        def find():
            self.page.wait_for_timeout(1)                                      # lets the driver take in what the browser has told
            return next((f for f in self.page.frames if "/widget/" in f.url), None)

        return until(find, "the frame")

    @property
    def frame(self):
        return self.raw

    @property
    def field(self):
        return self.raw.get_by_role("textbox", name=self.words["write"])

    def write(self, text: str) -> None:
        self.field.fill(text)
        self.field.press("Enter")

    def texts(self) -> list[str]:
        return self.raw.locator(".msg .bubble:not(.media)").all_inner_texts()

    def ticks(self) -> list[str]:
        return [t for t in (m.get_attribute("data-tick") for m in self.raw.locator(".msg.mine").all()) if t]

    def photo(self) -> None:
        self.raw.get_by_role("button", name=self.words["camera"]).click()
        self.raw.get_by_role("button", name=self.words["shoot"]).click()
        self.raw.get_by_role("button", name=self.words["use"]).click()
