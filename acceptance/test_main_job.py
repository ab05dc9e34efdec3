"""The main job, end to end: a customer on a phone and an advisor at the desk talk; the server dies between two messages."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from browser import shot
from desk import Console
from shop import Chat, Shop, until

SECOND = 1000


@pytest.fixture
def shop():
    with Shop() as shop:
        yield shop
        assert not shop.crashed(), shop.tail()


SAID = {
    "fr": {"hello": "Bonjour, ma lampe Aube est arrivée fêlée.", "after": "Voici la photo.", "reply": "Bonjour ! Je vous en renvoie une aujourd’hui.",
           "customer": "Message du client", "agent": "Message du conseiller", "typing": "écrit"},
    "en": {"hello": "Hello, my Aube lamp arrived cracked.", "after": "Here is the photo.", "reply": "Hello! I am sending you another one today.",
           "customer": "Message of the customer", "agent": "Message of the advisor", "typing": "writing"},
}


@pytest.mark.parametrize("lang,locale", [("fr", "fr-FR"), ("en", "en-GB")])
def test_a_customer_and_an_advisor_talk_and_the_server_dies(shop, people, lang, locale):
    said = SAID[lang]
    phone = people.page("phone", locale=locale)
    phone.goto(shop.site.page(lang=lang))
    desk = Console(people.page(locale=locale), shop, lang).sign_in("anna", shop.anna.password)
    desk.view("all")
    chat = Chat(phone, lang).open()

    # text: at the desk within a second
    chat.field.fill(said["hello"])
    began = time.monotonic()
    chat.field.press("Enter")
    expect(desk.page.locator(".row .preview", has_text=said["hello"])).to_be_visible(timeout=SECOND)
    seen = time.monotonic() - began
    desk.page.locator(".row").click()
    expect(desk.bubble(said["hello"])).to_be_visible()
    conversation = shop.anna.conversation()["id"]
    if not shop.anna.conversation()["assignee"]:
        desk.page.locator(".head .take").click()

    # a photo with the phone's (fake) camera: at the desk within a second of sending it
    chat.raw.get_by_role("button", name=chat.words["camera"]).click()
    chat.raw.get_by_role("button", name=chat.words["shoot"]).click()
    use = chat.raw.get_by_role("button", name=chat.words["use"])
    expect(use).to_be_visible()
    began = time.monotonic()
    use.click()
    expect(desk.page.locator(".msg.theirs .picture img")).to_be_visible(timeout=SECOND)
    photo = time.monotonic() - began
    width = desk.page.locator(".msg.theirs .picture img").evaluate("i => i.decode().then(() => i.naturalWidth)")
    assert width > 100
    print(f"text seen after {seen * 1000:.0f} ms, photo after {photo * 1000:.0f} ms")

    # each sees the other type
    chat.field.press_sequentially(said["after"])
    expect(desk.page.locator(".timeline .typing")).to_contain_text(said["typing"], timeout=SECOND)
    chat.field.press("Enter")
    expect(desk.bubble(said["after"])).to_be_visible(timeout=SECOND)
    desk.area.press_sequentially(said["reply"])
    expect(chat.raw.locator(".typing")).to_contain_text(said["typing"], timeout=2 * SECOND)
    desk.area.press("Enter")
    expect(chat.raw.locator(".msg .bubble", has_text=said["reply"])).to_be_visible(timeout=SECOND)

    # read receipts both ways
    expect(desk.page.locator(".msg.ours", has_text=said["reply"])).to_have_attribute("data-tick", "read")
    until(lambda: set(chat.ticks()) == {"read"}, "the customer's messages are read")
    shot(phone, f"main-job-{lang}-phone")
    shot(desk.page, f"main-job-{lang}-desk")

    # kill -9 in the middle of sending, from both sides at once
    customers = [f"{said['customer']} {n}" for n in range(8)]
    agents = [f"{said['agent']} {n}" for n in range(8)]
    for n in range(8):
        chat.write(customers[n])
        desk.reply(agents[n])
        if n == 3:
            shop.kill()
    phone.wait_for_timeout(1500)
    expect(chat.raw.locator(".msg.mine", has_text=customers[7])).to_have_attribute("data-tick", re.compile("waiting|sending"))
    expect(desk.page.locator(".msg.ours", has_text=agents[7])).to_have_attribute("data-tick", re.compile("waiting|sending"))
    shot(desk.page, f"main-job-{lang}-desk-dead")
    shop.start()

    # both pages recover by themselves: nothing lost, nothing doubled, each one's order kept
    expect(desk.page.locator(".msg.theirs .bubble", has_text=customers[7])).to_be_visible(timeout=30 * SECOND)
    expect(chat.raw.locator(".msg .bubble", has_text=agents[7])).to_be_visible(timeout=30 * SECOND)
    expect(desk.page.locator("[data-tick=waiting], [data-tick=sending], [data-tick=failed]")).to_have_count(0)
    until(lambda: not {"waiting", "sending", "failed"} & set(chat.ticks()), "the customer's queue is empty")
    for where, texts in (
        ("the server", [m["body"] for m in shop.anna.messages(conversation) if m["type"] == "text"]),
        ("the desk", desk.page.locator(".msg .bubble").all_inner_texts()),
        ("the phone", chat.texts()),
    ):
        texts = [t.strip() for t in texts]
        assert [t for t in texts if t in customers] == customers, where
        assert [t for t in texts if t in agents] == agents, where
        assert len(texts) == 3 + 16, (where, texts)
    assert sum(m["type"] == "image" for m in shop.anna.messages(conversation)) == 1

    # and the talk goes on
    chat.write("✔")
    expect(desk.page.locator(".msg.theirs", has_text="✔")).to_be_visible(timeout=5 * SECOND)
    shot(phone, f"main-job-{lang}-phone-after")
    people.close()
    people.forgive("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE", "ERR_SOCKET_NOT_CONNECTED")
