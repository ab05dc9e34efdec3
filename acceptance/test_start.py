"""The start page in the demonstration and on a server of its own, and the page that connects Matrix apps."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser import accessible, shot
from server import Server
from shop import Chat, until

LANGUAGES = pytest.mark.parametrize("lang,locale", [("fr", "fr-FR"), ("en", "en-GB")])


class Demo(Server):
    """`comptoir demo` with its temporary data."""

    def __init__(self):
        super().__init__(test_flags=False)
        self.arguments = ["demo", "--listen", f"127.0.0.1:{self.port}", "--cheap-password-hashing"]


@pytest.fixture(scope="module")
def demo():
    with Demo() as demo:
        yield demo
        assert demo.stop() == 0


@LANGUAGES
@pytest.mark.parametrize("device,dark", [("desktop", False), ("desktop", True), ("phone", False), ("phone", True)])
def test_the_shop_of_the_demonstration(demo, people, lang, locale, device, dark):
    page = people.page(device, dark=dark, locale=locale, reduced_motion="reduce")
    page.goto(demo.base + "/")
    title = "La lumière, posée juste." if lang == "fr" else "Light, set down just right."
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    assert page.locator("html").get_attribute("lang") == lang
    rows = page.get_by_role("row")
    expect(rows).to_have_count(6)                                              # five people and the head
    expect(page.get_by_role("link", name="comptoir" if lang == "fr" else "desk").first).to_have_attribute("href", "/desk")
    accessible(page)
    shot(page, f"start-{lang}-{device}-{'dark' if dark else 'light'}", full=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is wider than the window"
    lamp = page.get_by_role("button", name="lampe" if lang == "fr" else "lamp", exact=False).filter(has=page.locator("svg"))
    lamp.first.click()


def test_the_language_can_be_switched_and_is_remembered(demo, people):
    page = people.page(locale="fr-FR")
    page.goto(demo.base + "/")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Light, set down just right.")
    page.goto(demo.base + "/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Light, set down just right.")
    page.get_by_role("link", name="Français").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("La lumière, posée juste.")


@LANGUAGES
def test_a_question_about_a_lamp_opens_the_chat_with_it(demo, people, lang, locale):
    page = people.page(locale=locale)
    page.goto(demo.base + "/")
    until(lambda: page.evaluate("!!window.comptoir"), "the loader")
    page.get_by_role("button", name="Orbe").click()
    chat = Chat(page, lang)
    field = chat.raw.locator("textarea")
    expect(field).to_have_value("Bonjour, j’ai une question sur la lampe Orbe\u00a0: " if lang == "fr" else "Hello, I have a question about the lamp Orbe: ")


@LANGUAGES
def test_how_to_connect_an_app(demo, people, lang, locale):
    page = people.page(locale=locale, dark=lang == "fr")
    page.goto(demo.base + "/app")
    expect(page.get_by_text(demo.base, exact=True)).to_be_visible()
    for app in ["Element", "FluffyChat", "nheko"]:
        expect(page.get_by_role("heading", name=app)).to_be_visible()
    page.get_by_role("button", name=":").first.click()
    assert page.evaluate("navigator.clipboard.readText()") == demo.base
    accessible(page)
    shot(page, f"app-{lang}", full=True)


@LANGUAGES
def test_the_page_of_a_server_without_demonstration(shared_server, people, lang, locale):
    page = people.page(locale=locale)
    page.goto(shared_server.base + "/")
    expect(page.get_by_text(shared_server.name)).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("clients" if lang == "fr" else "customers")
    assert page.evaluate("window.comptoir") is None, "no shop, no chat"
    accessible(page)
    shot(page, f"neutral-{lang}", full=True)


def test_a_server_that_comes_back_is_found(people):
    with Server() as server:
        page = people.page()
        page.goto(server.base + "/")
        expect(page.get_by_text(server.name)).to_be_visible()
        page.route("**/_comptoir/start", lambda route: route.abort())
        page.reload()
        expect(page.get_by_role("alert")).to_be_visible()
        page.unroute("**/_comptoir/start")
        expect(page.get_by_text(server.name)).to_be_visible(timeout=10_000)
    people.forgive("Failed to load resource")
