"""The widget on pages of a shop: hostile styles, strict policies, lost networks, both languages, both schemes."""

from __future__ import annotations

import gzip
import re

import httpx
import pytest
from playwright.sync_api import expect

from browser import accessible, shot
from shop import Chat, Shop, until

HOSTILE = """<style>
html { font-size: 70px; } body { transform: scale(0.8); filter: blur(2px); overflow: hidden; }
* { display: none !important; position: static !important; opacity: 0.1 !important; z-index: -1 !important; color: red !important;
    font: 90px serif !important; transform: rotate(20deg) !important; width: 3px !important; pointer-events: none !important; }
html, body, h1, .cover { display: block !important; }
body * { all: unset !important; }
iframe, button { visibility: hidden !important; height: 1px !important; }
.cover { position: fixed !important; inset: 0 !important; z-index: 2147483647 !important; background: rgb(0 0 255 / 30%) !important; }
</style>"""


@pytest.fixture
def shop():
    with Shop() as shop:
        yield shop
        assert not shop.crashed(), shop.tail()


def box(chat: Chat) -> dict:
    return chat.raw.frame_element().bounding_box()


# --- the page around ----------------------------------------------------------------------------------------------------


def test_it_stands_on_a_page_with_hostile_styles(shop, people):
    page = people.page()
    page.goto(shop.site.page(head=HOSTILE, body='<h1>Hostile</h1><div class="cover"></div>'))
    chat = Chat(page).open()
    until(lambda: box(chat)["width"] > 300, "the panel")
    shot(page, "widget-hostile")
    panel = box(chat)
    assert 380 <= panel["width"] <= 420 and 500 <= panel["height"] <= 700
    assert panel["x"] + panel["width"] <= 1280 and panel["y"] + panel["height"] <= 800
    chat.write("Bonjour")                                                     # it takes clicks and keys as well
    chat.frame.get_by_role("button", name=chat.words["emoji"]).click()
    chat.frame.get_by_role("dialog").wait_for()
    until(lambda: chat.ticks() == ["sent"] or chat.ticks() == ["delivered"], "the message")


def test_it_needs_only_script_and_frame_of_a_strict_policy(shop, people):
    page = people.page()
    policy = f"default-src 'none'; script-src {shop.base}; frame-src {shop.base}; img-src data:; require-trusted-types-for 'script'; trusted-types 'none'"
    page.goto(shop.site.page(headers={"Content-Security-Policy": policy}))
    chat = Chat(page)
    page.mouse.click(1280 - 50, 800 - 50)                                      # the button, where a customer finds it
    chat.raw.locator("header.top").wait_for()
    chat.write("Hello")
    until(lambda: len(shop.anna.conversations()) == 1, "the conversation")
    shot(page, "widget-strict")


def test_it_does_not_move_the_page(shop, people):
    page = people.page()
    page.add_init_script("""window.shift = 0; new PerformanceObserver(l => { for (const e of l.getEntries()) window.shift += e.value })
        .observe({type: "layout-shift", buffered: true})""")
    page.goto(shop.site.page(body="<h1>Shop</h1>" + "<p>Lamp</p>" * 80))
    before = page.evaluate("[document.body.scrollHeight, document.body.clientWidth, document.documentElement.scrollHeight]")
    Chat(page).open()
    page.wait_for_timeout(500)
    assert page.evaluate("[document.body.scrollHeight, document.body.clientWidth, document.documentElement.scrollHeight]") == before
    assert page.evaluate("window.shift") == 0


def test_it_fills_a_phone(shop, people):
    page = people.page("phone", locale="fr-FR")
    page.goto(shop.site.page(lang="fr"))
    chat = Chat(page, "fr").open()
    until(lambda: box(chat)["x"] == 0 and box(chat)["y"] == 0, "the panel in its place")
    size = page.viewport_size
    assert (box(chat)["width"], box(chat)["height"]) == (size["width"], size["height"])
    shot(page, "widget-phone")
    chat.frame.get_by_role("button", name=chat.words["close"]).click()
    until(lambda: not chat.raw.frame_element().is_visible(), "the panel is closed")


def test_messages_of_other_windows_are_not_believed(shop, people):
    page = people.page()
    shop.site.pages["/evil"] = ("""<!doctype html><meta charset=utf-8><script>
        for (const type of ["unread", "close", "forgotten"]) parent.postMessage({comptoir: 1, type, count: 77, started: true}, "*")</script>""", {})
    page.goto(shop.site.page(body='<h1>Shop</h1><iframe src="/evil"></iframe>'))
    page.evaluate("window.heard = []; comptoirReady.push(c => { c.on('unread', n => heard.push(n)); c.on('close', () => heard.push('close')) })")
    chat = Chat(page).open()
    page.evaluate("""() => { for (const f of document.querySelectorAll('iframe')) f.contentWindow.location.reload();
        window.postMessage({comptoir: 1, type: 'unread', count: 55}, '*') }""")
    page.wait_for_timeout(500)
    assert page.evaluate("heard") == []
    # And the frame listens to its parent only: a window that it did not come from cannot speak for a customer.
    chat.raw.evaluate("window.postMessage({comptoir: 1, type: 'reset'}, '*')")
    expect(chat.field).to_be_visible()


def test_a_site_that_is_not_allowed_cannot_show_it(shop, people):
    shop.set_inbox(allowed_origins=["https://shop.example"])
    page = people.page()
    page.goto(shop.site.page())
    until(lambda: page.evaluate("!!window.comptoir"), "the loader")
    page.evaluate("comptoir.open()")
    page.wait_for_timeout(800)
    assert not [f for f in page.frames if "/widget/" in f.url and f.locator("header.top").count()]
    assert shop.anna.conversations() == []
    people.forgive("frame-ancestors", "Framing", "chrome-error")


# --- the conversation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang,locale", [("fr", "fr-FR"), ("en", "en-GB")])
def test_a_customer_on_a_phone_and_an_advisor_talk(shop, people, lang, locale):
    page = people.page("phone", locale=locale)
    page.goto(shop.site.page(lang=lang))
    chat = Chat(page, lang).open()
    expect(chat.frame.get_by_text("Bonjour 👋" if lang == "fr" else "Hello 👋")).to_be_visible()
    shot(page, f"widget-greeting-{lang}")
    chat.write("La lampe Aube, voir https://shop.example/aube")
    chat.photo()
    conversation = shop.anna.conversation()["id"]
    messages = until(lambda: len(m := shop.anna.messages(conversation)) == 2 and m, "text and photo at the desk")
    assert [m["type"] for m in messages] == ["text", "image"]
    photo = messages[1]["media"]
    assert photo["mimetype"] == "image/jpeg" and photo["width"] > 100 and photo["height"] > 100
    picture = shop.anna.request("GET", f"/_matrix/client/v1/media/download/{photo['mxc'].removeprefix('mxc://')}")
    assert picture.status_code == 200 and picture.content[:2] == b"\xff\xd8" and len(picture.content) == photo["size"]

    shop.anna.desk("POST", f"/conversations/{conversation}/take")
    until(lambda: set(chat.ticks()) == {"delivered"}, "both delivered")
    shop.anna.desk("POST", f"/conversations/{conversation}/typing", {"typing": True})
    expect(chat.frame.get_by_text(chat.words["typing"])).to_be_visible()
    shot(page, f"widget-typing-{lang}")
    shop.anna.read(conversation)
    until(lambda: set(chat.ticks()) == {"read"}, "both read")
    shop.anna.say(conversation, "Bonjour ! 😀")
    expect(chat.frame.get_by_text("Bonjour ! 😀")).to_be_visible()
    expect(chat.frame.get_by_text("Anna", exact=True).first).to_be_visible()
    expect(chat.frame.get_by_text("rejoint" if lang == "fr" else "joined")).to_be_visible()
    until(lambda: shop.anna.desk("GET", f"/conversations/{conversation}")["contact_read_at"], "the customer's receipt at the desk")

    link = chat.frame.get_by_role("link", name="https://shop.example/aube")
    assert link.get_attribute("rel") == "noopener noreferrer nofollow" and link.get_attribute("target") == "_blank"
    shot(page, f"widget-talk-{lang}")
    chat.frame.locator(".picture").press("Enter")                             # (after a screenshot the driver's taps miss frames on a phone)
    expect(chat.frame.locator("dialog.viewer img")).to_be_visible()
    shot(page, f"widget-viewer-{lang}")
    page.keyboard.press("Escape")


def test_the_advisor_sees_the_customer_type(shop, people):
    page = people.page()
    page.goto(shop.site.page())
    chat = Chat(page).open()
    chat.write("Hello")
    conversation = shop.anna.conversation()["id"]
    until(lambda: chat.ticks(), "the message")
    shop.anna.desk("POST", f"/conversations/{conversation}/take")
    room = shop.anna.desk("GET", f"/conversations/{conversation}")["room_id"]
    since = shop.anna.sync()["next_batch"]
    chat.field.press_sequentially("half a sent", delay=20)

    def typing():
        nonlocal since
        answer = shop.anna.sync(since, timeout=1000)
        since = answer["next_batch"]
        events = answer.get("rooms", {}).get("join", {}).get(room, {}).get("ephemeral", {}).get("events", [])
        return any(e["type"] == "m.typing" and e["content"]["user_ids"] for e in events)

    until(typing, "typing at the desk")


def test_files_by_picker_paste_and_drop(shop, people):
    page = people.page()
    page.goto(shop.site.page())
    chat = Chat(page).open()
    chat.frame.locator("input[type=file][multiple]").set_input_files([{"name": "facture.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 " + b"x" * 5000}])
    give = """([kind, selector, name]) => {
        const data = new DataTransfer();
        data.items.add(new File(["hello " + name], name, {type: "text/plain"}));
        const event = kind === "paste" ? new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true})
            : new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true});
        document.querySelector(selector).dispatchEvent(event);
    }"""
    chat.raw.evaluate(give, ["paste", "textarea", "pasted.txt"])
    chat.raw.evaluate(give, ["dragenter", ".app", "dropped.txt"])
    expect(chat.frame.locator(".drop")).to_be_visible()
    chat.raw.evaluate(give, ["drop", ".app", "dropped.txt"])
    expect(chat.frame.locator(".drop")).to_have_count(0)
    conversation = shop.anna.conversation()["id"]
    messages = until(lambda: len(m := shop.anna.messages(conversation)) == 3 and m, "three files")
    assert [m["media"]["name"] for m in messages] == ["facture.pdf", "pasted.txt", "dropped.txt"]
    assert messages[0]["media"]["size"] == 5009
    until(lambda: set(chat.ticks()) <= {"sent", "delivered"}, "ticks")
    shot(page, "widget-files")
    with page.expect_download() as download:
        chat.frame.get_by_role("button", name=re.compile("facture.pdf")).click()
    assert download.value.suggested_filename == "facture.pdf"


def test_what_is_too_large_is_refused_with_what_to_do(shop, people):
    page = people.page()
    page.goto(shop.site.page())
    chat = Chat(page).open()
    chat.raw.evaluate("""() => { const data = new DataTransfer(); data.items.add(new File([new Uint8Array(26 * 1024 * 1024)], "film.mov"));
        document.querySelector("textarea").dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true})) }""")
    expect(chat.frame.get_by_role("alert")).to_contain_text("Send a smaller file")


# --- what goes wrong ----------------------------------------------------------------------------------------------------


def test_without_network_messages_wait_and_leave_in_order_once(shop, people):
    context = people.context(locale="fr-FR")
    page = context.new_page()
    page.goto(shop.site.page(lang="fr"))
    chat = Chat(page, "fr").open()
    chat.write("zéro")
    until(lambda: chat.ticks() == ["sent"] or chat.ticks() == ["delivered"], "the first message")
    context.set_offline(True)
    expect(chat.frame.get_by_text(chat.words["offline"])).to_be_visible()
    for text in ["un", "deux", "trois"]:
        chat.write(text)
    chat.frame.locator("input[type=file][multiple]").set_input_files([{"name": "quatre.txt", "mimeType": "text/plain", "buffer": b"quatre"}])
    until(lambda: len(chat.ticks()) == 5, "all five shown")
    assert set(chat.ticks()[1:]) <= {"waiting", "sending"}
    shot(page, "widget-offline")
    page.close()                                                               # the customer closes the tab in the tunnel
    context.set_offline(False)
    page = context.new_page()
    page.goto(shop.site.page(lang="fr"))
    chat = Chat(page, "fr").open()
    conversation = shop.anna.conversation()["id"]
    until(lambda: len(shop.anna.messages(conversation)) >= 5, "all five at the desk")
    page.wait_for_timeout(1000)
    assert [m["body"] for m in shop.anna.messages(conversation)] == ["zéro", "un", "deux", "trois", "quatre.txt"]
    until(lambda: len(chat.ticks()) == 5 and set(chat.ticks()) <= {"sent", "delivered", "read"}, "all five sent")
    people.forgive("ERR_INTERNET_DISCONNECTED", "Failed to load resource")


def test_a_killed_server_loses_and_doubles_nothing(shop, people):
    page = people.page()
    page.goto(shop.site.page())
    chat = Chat(page).open()
    chat.write("m0")
    until(lambda: chat.ticks() in (["sent"], ["delivered"]), "the first message")
    for n in range(1, 13):
        chat.write(f"m{n}")
        if n in (4, 9):
            shop.kill()
            chat.write(f"m{n} in the dark")
            shop.start()
    wanted = [f"m{n}{s}" for n in range(13) for s in (["", " in the dark"] if n in (4, 9) else [""])]
    until(lambda: len(t := chat.ticks()) == len(wanted) and set(t) <= {"sent", "delivered", "read"}, "all sent", 40)
    conversation = shop.anna.conversation()["id"]
    assert [m["body"] for m in shop.anna.messages(conversation)] == wanted
    assert chat.texts() == wanted
    shop.anna.say(conversation, "I am still here")
    expect(chat.frame.get_by_text("I am still here")).to_be_visible(timeout=20_000)
    people.forgive("Failed to load resource", "ERR_CONNECTION", "ERR_EMPTY_RESPONSE")


def test_the_conversation_goes_on_after_a_reload_with_a_badge(shop, people):
    context = people.context()
    page = context.new_page()
    page.goto(shop.site.page())
    chat = Chat(page).open()
    chat.write("Hello")
    conversation = shop.anna.conversation()["id"]
    until(lambda: chat.ticks(), "the message")
    page.close()
    shop.anna.say(conversation, "Are you there?")
    shop.anna.say(conversation, "I found it.")
    page = context.new_page()
    page.add_init_script("window.comptoirReady = [c => c.on('unread', n => { window.unread = n })]")
    page.goto(shop.site.page())
    until(lambda: page.evaluate("window.unread") == 2, "the badge, without opening the chat")
    shot(page, "widget-badge")
    chat = Chat(page).open()
    until(lambda: page.evaluate("window.unread") == 0, "read")
    assert chat.texts() == ["Hello", "Are you there?", "I found it."]
    chat.write("Great")
    until(lambda: len(shop.anna.messages(conversation)) == 4, "the same conversation")


def test_forgetting_starts_anew(shop, people):
    page = people.page()
    page.goto(shop.site.page())
    chat = Chat(page).open()
    chat.write("Hello")
    until(lambda: chat.ticks() in (["sent"], ["delivered"]), "the message")
    chat.frame.get_by_role("button", name="More").click()
    chat.frame.get_by_role("menuitem", name="Forget me").click()
    chat.frame.get_by_role("button", name="Forget", exact=True).click()
    until(lambda: chat.texts() == [], "an empty chat")
    page.reload()
    assert Chat(page).open().texts() == []


# --- nobody there, and who is who ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang,locale", [("fr", "fr-FR"), ("en", "en-GB")])
def test_the_contact_form_when_nobody_is_there(shop, people, lang, locale):
    shop.anna.available("offline")
    page = people.page("phone", locale=locale)
    page.goto(shop.site.page(lang=lang))
    chat = Chat(page, lang).open()
    expect(chat.frame.get_by_role("heading", name=chat.words["form"])).to_be_visible()
    chat.frame.get_by_role("button", name=chat.words["send"]).click()
    expect(chat.frame.get_by_label(chat.words["name"], exact=True)).to_be_focused()
    expect(chat.frame.locator(".wrong")).to_have_count(3)
    shot(page, f"widget-form-{lang}")
    accessible(page)
    chat.frame.get_by_label(chat.words["name"], exact=True).fill("Julie Martin")
    chat.frame.get_by_label(chat.words["email"], exact=True).fill("julie@example.org")
    chat.frame.get_by_label(chat.words["message"], exact=True).fill("Ma lampe est cassée.")
    chat.frame.get_by_role("button", name=chat.words["send"]).click()
    expect(chat.frame.locator(".thanks")).to_be_visible()
    shot(page, f"widget-thanks-{lang}")
    item = shop.anna.conversation()
    assert item["contact"]["name"] == "Julie Martin" and item["contact"]["email"] == "julie@example.org" and not item["contact"]["verified"]
    assert [m["body"] for m in shop.anna.messages(item["id"])] == ["Ma lampe est cassée."]


def test_a_signed_in_customer_is_known_by_either_proof(shop, people):
    def identify(page, identity):
        page.goto(shop.site.page())
        chat = Chat(page).open()
        page.evaluate("i => comptoir.identify(i)", identity)
        return chat

    chat = identify(people.page(), {"user_id": "42", "hash": shop.hash("42"), "name": "Julie Martin", "email": "julie@example.org"})
    chat.write("From the first browser")
    conversation = until(shop.anna.conversations, "the conversation")[0]
    until(lambda: shop.anna.desk("GET", f"/conversations/{conversation['id']}")["contact"]["name"] == "Julie Martin", "the name")
    chat = identify(people.page(), {"token": shop.jwt(sub="42", name="Julie Martin", email="julie@example.org")})
    until(lambda: chat.texts() == ["From the first browser"], "the same conversation in another browser")
    chat.write("From the second")
    until(lambda: len(shop.anna.messages(conversation["id"])) == 2, "the same person")
    assert shop.anna.desk("GET", f"/conversations/{conversation['id']}")["contact"]["verified"]


def test_a_false_identity_is_refused_with_what_to_do(shop, people):
    page = people.page()
    page.goto(shop.site.page())
    chat = Chat(page).open()
    page.evaluate("comptoir.identify({user_id: '42', hash: '00'.repeat(32)})")
    expect(chat.frame.get_by_role("alert")).to_contain_text("Sign in again on the site")
    assert shop.anna.conversations() == []
    people.forgive("401")


def test_where_an_identity_is_required_one_is_asked_for(shop, people):
    shop.set_inbox(identity="required")
    page = people.page(locale="fr-FR")
    page.goto(shop.site.page(lang="fr"))
    chat = Chat(page, "fr").open()
    expect(chat.frame.get_by_role("alert")).to_contain_text("Connectez-vous sur le site")
    page.evaluate("i => comptoir.identify(i)", {"user_id": "7", "hash": shop.hash("7")})
    expect(chat.field).to_be_visible()
    chat.write("Bonjour")
    until(shop.anna.conversations, "the conversation")


# --- for everybody ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang,locale", [("fr", "fr-FR"), ("en", "en-GB")])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(shop, people, lang, locale, dark):
    page = people.page(dark=dark, locale=locale, reduced_motion="reduce")
    page.goto(shop.site.page(lang=lang, body="<main><h1>Shop</h1></main>"))
    chat = Chat(page, lang).open()
    name = f"{lang}-{'dark' if dark else 'light'}"
    expect(chat.frame.locator(".hello")).to_be_visible()
    accessible(page)
    chat.write("Bonjour, la lampe https://shop.example/aube")
    chat.photo()
    conversation = shop.anna.conversation()["id"]
    until(lambda: len(shop.anna.messages(conversation)) == 2, "text and photo")
    shop.anna.say(conversation, "👍")
    shop.anna.say(conversation, "Je regarde")
    shop.anna.desk("POST", f"/conversations/{conversation}/typing", {"typing": True})
    shop.anna.read(conversation)
    expect(chat.frame.get_by_text("Je regarde")).to_be_visible()
    expect(chat.frame.get_by_text(chat.words["typing"])).to_be_visible()
    shot(page, f"widget-axe-{name}")
    accessible(page)
    chat.frame.get_by_role("button", name=chat.words["emoji"]).click()
    chat.frame.locator(".pop.emoji .grid button").first.wait_for()
    shot(page, f"widget-emoji-{name}")
    accessible(page)
    page.keyboard.press("Escape")
    chat.frame.get_by_role("button", name=chat.words["menu"], exact=True).click()
    chat.frame.get_by_role("menuitem").first.wait_for()
    accessible(page)
    chat.frame.get_by_role("menuitem").first.click()
    chat.frame.locator("dialog[open]").wait_for()
    accessible(page)
    page.keyboard.press("Escape")
    chat.frame.locator(".picture").click()
    chat.frame.locator("dialog.viewer[open]").wait_for()
    accessible(page)


def test_everything_by_keyboard(shop, people):
    page = people.page()
    page.goto(shop.site.page(body="<main><h1>Shop</h1><a href='#x'>link</a></main>"))
    until(lambda: page.evaluate("!!window.comptoir"), "the loader")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")                                               # the button
    chat = Chat(page)
    expect(chat.field).to_be_focused()
    page.keyboard.type("Hello")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("world")
    page.keyboard.press("Enter")
    until(lambda: chat.texts() == ["Hello\nworld"], "the message")
    for _ in range(2):
        page.keyboard.press("Tab")                                             # past the camera to the emoji
    page.keyboard.press("Enter")
    chat.frame.get_by_role("searchbox").wait_for()
    page.keyboard.type("lamp")
    page.keyboard.press("Enter")
    expect(chat.field).to_have_value("💡")
    expect(chat.field).to_be_focused()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.tagName") == "DIV"            # the loader's element: its button has the focus
    page.keyboard.press("Enter")
    expect(chat.field).to_be_focused()


def test_new_messages_are_in_a_live_log(shop, people):
    page = people.page()
    page.goto(shop.site.page())
    chat = Chat(page).open()
    log = chat.frame.get_by_role("log")
    expect(log).to_be_visible()
    assert log.get_attribute("aria-label")
    chat.write("Hello")
    expect(log.get_by_role("listitem").filter(has_text="Hello")).to_contain_text("You")


def test_sizes_and_caching(shop):
    def fetched(address: str) -> bytes:
        answer = httpx.get(shop.base + address, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200, address
        with httpx.stream("GET", shop.base + address, headers={"Accept-Encoding": "gzip"}) as raw:
            body = b"".join(raw.iter_raw())
        assert gzip.decompress(body) == answer.content
        return body

    assert len(fetched("/widget.js")) <= 5 * 1024
    page = httpx.get(shop.base + "/widget/").text
    parts = set(re.findall(r'(?:href|src)="(/assets/[^"]+)"', page))
    assert len(parts) >= 2
    assert len(fetched("/widget/")) + sum(len(fetched(p)) for p in parts) <= 30 * 1024
    for part in parts:
        assert "immutable" in httpx.get(shop.base + part).headers["cache-control"]
        assert httpx.get(shop.base + part, headers={"Accept-Encoding": "br"}).headers["content-encoding"] == "br"
    assert httpx.get(shop.base + "/widget.js").headers["cache-control"] == "no-cache"
