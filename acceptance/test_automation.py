"""Macros and rules in the console, by hand and keyboard, and what they do to customers; rules over a killed server."""

from __future__ import annotations

import re
import threading
import time
import uuid
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import expect

import postgres
from browser import accessible, shot
from desk import LOOKS, WIDE, Console, Shop, console, queue
from shop import Agent as Clerk
from shop import Shop as Counter
from shop import until



@pytest.fixture
def shop(server):
    return Shop(server)


def test_a_macro_is_made_and_run_by_keyboard_palette_and_for_many(shop, people):
    made = queue(shop, "Julie Martin", "Paul Durand", "Nora Petit", "Léa Roux")
    desk = console(people, shop)
    page, press = desk.page, desk.page.keyboard.press
    page.goto(f"{shop.server.base}/desk#/admin/macros/new")
    form = page.locator("form.edit")
    form.get_by_label("Nom", exact=True).fill("Retour accepté")
    form.get_by_role("button", name="Ajouter une action").click()
    page.get_by_role("menuitem", name="Réponse").click()
    form.get_by_role("textbox", name="Réponse").fill("Bonjour {{contact.first_name|à vous}}, votre retour est accepté.")
    form.get_by_role("button", name="Ajouter une action").click()
    page.get_by_role("menuitem", name="Ajouter des étiquettes").click()
    form.get_by_role("button", name=re.compile("Choisir.*Ajouter des étiquettes")).click()
    page.keyboard.type("retour")
    press("Enter")
    form.get_by_role("button", name="Ajouter une action").click()
    page.get_by_role("menuitem", name="État").click()
    form.get_by_role("button", name="Créer").click()
    expect(form.get_by_role("heading", name="Retour accepté")).to_be_visible()
    expect(page.locator(".items a[aria-current]")).to_contain_text("Retour accepté")
    # by keyboard, in the open conversation
    desk.view("unassigned")
    desk.open("Julie Martin")
    press("Escape")
    desk.open("Julie Martin")
    page.locator(".timeline").click()
    press("m")
    page.keyboard.type("retour")
    press("Enter")
    expect(desk.toast("Retour accepté : 1 conversation")).to_be_visible()
    expect(desk.bubble("Bonjour Julie, votre retour est accepté.")).to_be_visible()
    expect(page.locator(".head .state")).to_contain_text("Résolue")
    assert made["Julie Martin"].texts()[1:] == ["Bonjour Julie, votre retour est accepté."]
    # by the palette
    desk.view("unassigned")
    desk.open("Paul Durand")
    press("Control+k")
    page.keyboard.type("retour accepté")
    expect(page.locator("dialog.palette .option").first).to_contain_text("Retour accepté")
    press("Enter")
    expect(desk.bubble("Bonjour Paul, votre retour est accepté.")).to_be_visible()
    # for many, by a colleague who is an agent and has made one of his own
    karim = console(people, shop, "karim")
    page, press = karim.page, karim.page.keyboard.press
    page.goto(f"{shop.server.base}/desk#/admin/macros/new")
    form = page.locator("form.edit")
    expect(form.get_by_label("Pour", exact=True).locator("option")).to_have_text(["Moi seulement"])
    form.get_by_label("Nom", exact=True).fill("Urgent et à moi")
    for step in ("Priorité", "Attribuer à"):
        form.get_by_role("button", name="Ajouter une action").click()
        page.get_by_role("menuitem", name=step).click()
    form.get_by_role("combobox", name="Priorité").select_option("urgent")
    form.get_by_role("button", name="Créer").click()
    expect(form.get_by_role("heading", name="Urgent et à moi")).to_be_visible()
    karim.view("unassigned")
    for name in ("Nora Petit", "Léa Roux"):
        karim.row(name).locator(".pick").click()
    page.locator(".bulk").get_by_role("button", name="Lancer une macro").click()
    expect(page.locator(".picker").get_by_role("option")).to_have_count(2)
    page.keyboard.type("urgent")
    press("Enter")
    expect(karim.toast("Urgent et à moi : 2 conversations.")).to_be_visible()
    states = [shop.anna.desk("GET", f"/conversations/{made[name].conversation}") for name in ("Nora Petit", "Léa Roux")]
    assert all(it["priority"] == "urgent" and it["assignee"]["name"] == "Karim" for it in states)
    karim.toast("Urgent et à moi : 2 conversations.").last.get_by_role("button", name="Annuler").click()
    until(lambda: all(shop.anna.desk("GET", f"/conversations/{made[name].conversation}")["assignee"] is None for name in ("Nora Petit", "Léa Roux")), "the two are nobody’s again", 20)
    # one that everybody has he may look at, not change
    page.goto(f"{shop.server.base}/desk#/admin/macros")
    page.locator(".items a", has_text="Retour accepté").click()
    expect(page.locator("form.edit").get_by_role("button", name="Enregistrer")).to_be_disabled()
    expect(page.locator("form.edit").get_by_text("Supprimer", exact=True)).to_have_count(0)


def test_what_is_wrong_with_a_macro_is_said(shop, people):
    desk = console(people, shop, lang="en")
    page = desk.page
    page.goto(f"{shop.server.base}/desk#/admin/macros/new")
    form = page.locator("form.edit")
    form.get_by_label("Name", exact=True).fill("X")
    form.get_by_role("button", name="Create").click()
    expect(form.locator(".wrong").first).to_have_text("Say what to do.")
    form.get_by_role("button", name="Add an action").click()
    page.get_by_role("menuitem", name="Reply").click()
    form.get_by_role("textbox", name="Reply").fill("Hello {{customer}}")
    form.get_by_role("button", name="Create").click()
    expect(form.locator(".wrong").first).to_contain_text("There is no variable “customer”")
    people.forgive("400")


def test_a_rule_is_tried_out_made_and_explains_itself(shop, people):
    made = queue(shop, "Julie Martin", "Paul Durand")
    made["Paul Durand"].write("Je voudrais un remboursement")
    desk = console(people, shop)
    page, press = desk.page, desk.page.keyboard.press
    page.goto(f"{shop.server.base}/desk#/admin/rules/new")
    form = page.locator("form.edit")
    form.get_by_role("button", name="Commencer par").click()
    page.get_by_role("menuitem", name="Trier d’après les mots").click()
    expect(form.get_by_label("Nom", exact=True)).to_have_value("Trier d’après les mots")
    form.get_by_label("Nom", exact=True).fill("Remboursements")
    form.get_by_role("textbox", name="Valeur").fill("remboursement, avoir")
    form.get_by_role("button", name="Ajouter une action").click()
    page.get_by_role("menuitem", name="Réponse automatique").click()
    form.get_by_role("textbox", name="En français").fill("Merci {{contact.first_name|}}, nous regardons.")
    form.get_by_role("button", name="Essayer").click()
    trial = form.get_by_role("region", name="Essayer")
    expect(trial.get_by_role("status")).to_have_text("Correspond à 1 sur 2.")
    expect(trial.locator(".rows > li")).to_have_count(1)
    expect(trial.locator(".rows > li")).to_contain_text("Paul Durand")
    expect(trial.locator(".rows > li")).to_contain_text("Répondre : Merci Paul, nous regardons.")
    trial.get_by_label("Seulement celles").uncheck()
    expect(trial.locator(".rows > li")).to_have_count(2)
    trial.locator("summary").first.click()
    expect(trial.locator(".findings").first).to_contain_text("valait : ")
    assert made["Paul Durand"].texts() == ["Bonjour de Paul Durand", "Je voudrais un remboursement"]
    form.get_by_role("button", name="Créer").click()
    expect(form.get_by_role("heading", name="Remboursements")).to_be_visible()
    # a customer writes: it acts, and says so where one looks
    made["Julie Martin"].write("Un avoir me suffit")
    until(lambda: "Merci Julie, nous regardons." in made["Julie Martin"].texts(), "the answer of the rule", 20)
    made["Paul Durand"].write("Et bonne journée")
    log = form.get_by_role("region", name="Pourquoi elle a agi ou non")
    until(lambda: len(shop.anna.desk("GET", "/rules/log")["items"]) == 2, "two entries of the log", 20)
    log.get_by_role("button").first.click()
    expect(log.locator(".rows > li")).to_have_count(2)
    expect(log.locator("[data-outcome=not]")).to_contain_text("Ne correspondait pas")
    fired = log.locator("[data-outcome=fired]")
    expect(fired).to_contain_text("Réponse envoyée.")
    fired.locator("summary").click()
    expect(fired.locator(".findings .yes")).to_contain_text("valait : avoir")
    fired.get_by_role("link").click()
    expect(page.locator(".conversation .head .name")).to_have_text("Julie Martin")
    expect(desk.bubble("Merci Julie, nous regardons.")).to_be_visible()
    expect(page.locator(".timeline")).to_contain_text("Règle « Remboursements »")
    # a second one goes before the first
    shop.anna.desk("POST", "/rules", {"name": "Autre", "event": "message.customer", "deeds": {"priority": "low"}})
    page.goto(f"{shop.server.base}/desk#/admin/rules")
    expect(page.locator(".items .name")).to_have_text(["1. Remboursements", "2. Autre"])
    page.locator(".items a", has_text="Autre").click()
    expect(page.locator(".place [role=status]")).to_have_text("Place 2 sur 2")
    page.get_by_role("button", name="Examiner plus tôt").click()
    expect(page.locator(".items .name")).to_have_text(["1. Autre", "2. Remboursements"])
    expect(page.locator(".place [role=status]")).to_have_text("Place 1 sur 2")


@pytest.fixture(params=["sqlite", "postgres"])
def counter(request):
    """A desk without a browser, on each database."""
    if request.param == "sqlite":
        with Counter() as counter:
            yield counter
        return
    with postgres.database(f"acceptance_{uuid.uuid4().hex[:12]}") as url, Counter(database=url) as counter:
        yield counter


def test_outside_of_hours_each_customer_is_answered_once_over_a_kill(counter):
    closed = counter.anna.desk("POST", "/hours", {"name": "Jamais", "time_zone": "Europe/Paris", "week": [[] for _ in range(7)]}, expect=201)
    counter.anna.desk("PATCH", f"/inboxes/{counter.inbox['id']}", {"hours": closed["id"]})
    rule = counter.anna.desk("POST", "/rules", {"name": "Fermé", "event": "message.customer", "conditions": [{"field": "hours", "op": "is", "values": ["closed"]}],
                                                "answer": {"fr": "Nous sommes fermés.", "en": "We are closed."}, "deeds": {"add_tags": ["nuit"]}}, expect=201)
    people, wanted = [], {"en": "We are closed.", "fr": "Nous sommes fermés."}
    for number in range(24):
        person = Clerk(counter, f"visitor{number}", "")
        lang = "en" if number % 3 == 0 else "fr"
        answer = person.call("POST", "/_comptoir/widget/v1/session", {"inbox": counter.inbox["key"], "lang": lang}, token=False)
        person.token, person.id = answer["access_token"], answer["user_id"]
        people.append((person, lang))
    killer = threading.Thread(target=lambda: [(time.sleep(0.4), counter.kill(), counter.start()) for _ in range(3)])
    killer.start()
    rooms = []
    for person, lang in people:
        body = {"inbox": counter.inbox["key"], "txn_id": str(uuid.uuid4()), "lang": lang, "content": {"msgtype": "m.text", "body": "Bonjour"}}
        deadline = time.monotonic() + 60
        while True:        # the same again until it is acknowledged
            try:
                rooms.append(person.call("POST", "/_comptoir/widget/v1/conversations", body))
                break
            except (httpx.TransportError, AssertionError):
                assert time.monotonic() < deadline
                time.sleep(0.1)
    killer.join()

    def texts(person, room) -> list[str]:
        chunk = person.call("GET", f"/_matrix/client/v3/rooms/{quote(room['room_id'])}/messages?dir=f&limit=100")["chunk"]
        return [event["content"].get("body", "") for event in chunk if event["type"] == "m.room.message"]

    for (person, lang), room in zip(people, rooms):
        until(lambda: wanted[lang] in texts(person, room), "the automatic answer", 40)
    time.sleep(1)
    for (person, lang), room in zip(people, rooms):
        assert texts(person, room) == ["Bonjour", wanted[lang]]
    entries = counter.anna.desk("GET", "/rules/log", params={"rule": rule["id"], "outcome": "fired", "limit": 100})["items"]
    assert sorted(entry["conversation"]["id"] for entry in entries) == sorted(room["conversation_id"] for room in rooms)
    assert all(counter.anna.desk("GET", f"/conversations/{room['conversation_id']}")["tags"] == ["nuit"] for room in rooms[:5])


@pytest.mark.parametrize("lang,dark", LOOKS)
def test_the_looks_of_macros_and_rules(shop, people, lang, dark):
    made = queue(shop, "Julie Martin", "Paul Durand", "Nora Petit")
    karim = shop.colleagues["karim"]
    team = shop.anna.desk("POST", "/teams", {"name": "Retours", "members": [karim.id]})
    fr = lang == "fr"
    macro = shop.anna.desk("POST", "/macros", {"name": "Retour accepté" if fr else "Return accepted", "scope": "all", "deeds": {
        "reply": "Bonjour {{contact.first_name|à vous}}, votre retour est accepté." if fr else "Hello {{contact.first_name|there}}, your return is accepted.",
        "note": "Bon de retour à joindre" if fr else "Send the label", "mentions": [karim.id, "assignee"], "assign": "me", "team": team["id"], "priority": "high", "add_tags": ["retour", "vip"],
        "status": "snoozed", "snooze_minutes": 1440}})
    shop.anna.desk("POST", "/macros", {"name": "Spam", "deeds": {"add_tags": ["spam"], "status": "resolved"}})
    rule = shop.anna.desk("POST", "/rules", {"name": "Remboursements" if fr else "Refunds", "event": "message.customer", "match": "any", "conditions": [
        {"field": "text", "op": "contains", "values": ["remboursement", "refund"]}, {"field": "tags", "op": "is", "values": ["vip", "retour"]}, {"field": "hours", "op": "is", "values": ["closed"]},
        {"field": "contact.attribute", "key": "plan", "op": "is", "values": ["gold"]}],
        "deeds": {"priority": "high", "team": team["id"], "note": "À voir", "mentions": [karim.id]}, "answer": {"fr": "Merci {{contact.first_name|}}, nous regardons.", "en": "Thank you, we are looking into it."}})
    shop.anna.desk("POST", "/rules", {"name": "Sans suite" if fr else "Gone quiet", "event": "conversation.idle", "minutes": 4320, "deeds": {"status": "resolved"}, "active": False})
    made["Paul Durand"].write("Un remboursement, please refund")
    made["Nora Petit"].write("Merci")
    until(lambda: len(shop.anna.desk("GET", "/rules/log")["items"]) == 2, "two entries of the log", 20)
    mark = f"{lang}-{'dark' if dark else 'light'}"
    settings = {"locale": "fr-FR" if fr else "en-GB", "dark": dark, "reduced_motion": "reduce"}

    def look(page, size):
        desk = Console(page, shop, lang).sign_in(at=f"#/admin/macros/{macro['id']}")
        expect(page.locator(".step")).to_have_count(7)
        accessible(page)
        shot(page, f"automation-{mark}-{size}-macro")
        page.goto(f"{shop.server.base}/desk#/admin/rules/{rule['id']}")
        expect(page.locator(".rows > li")).to_have_count(2)
        accessible(page)
        shot(page, f"automation-{mark}-{size}-rule")
        page.get_by_role("button", name="Essayer" if fr else "Try it").click()
        expect(page.locator("section.deliveries").first.get_by_role("status")).to_be_visible()
        for summary in page.locator("summary").all():
            summary.click()
        page.locator("section.deliveries").first.scroll_into_view_if_needed()
        accessible(page)
        shot(page, f"automation-{mark}-{size}-trial")
        page.locator("section.deliveries").last.scroll_into_view_if_needed()
        shot(page, f"automation-{mark}-{size}-log")
        page.goto(f"{shop.server.base}/desk#/all/{made['Paul Durand'].conversation}")
        expect(desk.bubble("nous regardons.")).to_be_visible()
        page.locator(".write").get_by_role("button", name="Lancer une macro" if fr else "Run a macro").click()
        expect(page.locator(".picker").get_by_role("option")).to_have_count(2)
        accessible(page)
        shot(page, f"automation-{mark}-{size}-run")

    for size, viewport in WIDE.items():
        look(people.page(**settings, viewport=viewport), size)
    look(people.page(device="phone", **settings), "phone")


def test_following_a_colleagues_conversation(shop, people):
    made = queue(shop, "Julie Martin", "Paul Durand")
    karim = shop.colleagues["karim"]
    karim.desk("POST", f"/conversations/{made['Julie Martin'].conversation}/take", {})
    desk = console(people, shop)
    page, press = desk.page, desk.page.keyboard.press
    desk.view("all")
    desk.open("Julie Martin")
    follow = page.locator(".marks").get_by_role("button", name="Suivre")
    expect(follow).to_have_attribute("aria-pressed", "false")
    follow.click()
    expect(follow).to_have_attribute("aria-pressed", "true")
    # its view, which lives
    press("g")
    press("f")
    expect(page.locator(".rail a", has_text="Suivies")).to_have_attribute("aria-current", "page")
    expect(page.locator(".row .name")).to_have_text(["Julie Martin"])
    karim.desk("PUT", f"/conversations/{made['Julie Martin'].conversation}/status", {"status": "resolved"})
    expect(page.locator(".row .name")).to_have_text(["Julie Martin"])
    page.locator(".row").first.click()
    page.locator(".timeline").click()
    press("f")
    expect(page.locator(".row")).to_have_count(0)
    assert shop.anna.desk("GET", f"/conversations/{made['Julie Martin'].conversation}")["followers"] == []


def test_what_one_is_told_of_is_ones_own_on_every_device(shop, people):
    desk, other = console(people, shop), console(people, shop)
    for one in (desk, other):
        one.page.locator(".me:visible").click()
        one.page.get_by_role("menuitem", name="Préférences").click()
    table = desk.page.locator("table.alerts")
    box = table.get_by_label("Du nouveau dans une conversation que je suis : Son")
    expect(box).not_to_be_checked()
    box.check()
    expect(table.get_by_label("Un collègue me mentionne : E-mail")).to_be_disabled()
    dialog = other.page.get_by_role("dialog")
    expect(other.page.locator("table.alerts").get_by_label("Du nouveau dans une conversation que je suis : Son")).to_be_checked()
    dialog.get_by_role("switch", name="Heures calmes").check(force=True)
    expect(dialog.get_by_label("De", exact=True)).to_have_value("22:00")
    dialog.get_by_label("De", exact=True).fill("21:30")
    expect(desk.page.get_by_role("dialog").get_by_role("switch", name="Heures calmes")).to_be_checked()
    until(lambda: shop.anna.desk("GET", "/me/notifications")["quiet"]["from"] == "21:30", "quiet hours", 20)
    settings = shop.anna.desk("GET", "/me/notifications")
    assert settings["quiet"]["on"] is True and settings["events"]["followed"] == ["sound", "desktop"]
    accessible(desk.page)


@pytest.mark.parametrize("lang,dark", LOOKS)
def test_the_looks_of_following_and_notices(shop, people, lang, dark):
    made = queue(shop, "Julie Martin", "Paul Durand")
    karim = shop.colleagues["karim"]
    for name in made:
        karim.desk("POST", f"/conversations/{made[name].conversation}/take", {})
        for agent in (karim, shop.anna):
            agent.desk("PUT", f"/conversations/{made[name].conversation}/follow", {})
    shop.anna.desk("PUT", "/me/notifications", {"quiet": {"on": True}})
    mark, fr = f"{lang}-{'dark' if dark else 'light'}", lang == "fr"
    settings = {"locale": "fr-FR" if fr else "en-GB", "dark": dark, "reduced_motion": "reduce"}

    def look(page, size):
        Console(page, shop, lang).sign_in(at=f"#/followed/{made['Julie Martin'].conversation}")
        expect(page.locator(".marks .chip.on")).to_be_visible()
        accessible(page)
        shot(page, f"automation-{mark}-{size}-followed")
        page.goto(f"{shop.server.base}/desk#/followed")
        page.locator(".me:visible").click()
        page.get_by_role("menuitem", name="Préférences" if fr else "Preferences").click()
        page.locator("table.alerts").scroll_into_view_if_needed()
        accessible(page)
        shot(page, f"automation-{mark}-{size}-alerts")

    for size, viewport in WIDE.items():
        look(people.page(**settings, viewport=viewport), size)
    look(people.page(device="phone", **settings), "phone")


def test_a_message_is_quoted_corrected_and_deleted(shop, people):
    julie = queue(shop, "Julie Martin")["Julie Martin"]
    desk = console(people, shop)
    page, press = desk.page, desk.page.keyboard.press
    desk.view("unassigned")
    desk.open("Julie Martin")
    # quoted
    page.locator(".msg.theirs").first.hover()
    page.locator(".msg.theirs").first.get_by_role("button", name="Actions sur ce message").click()
    page.get_by_role("menuitem", name="Répondre à ce message").click()
    expect(page.locator(".relation")).to_contain_text("Réponse à Julie Martin")
    desk.area.press_sequentially("Bonjuor Julie")
    press("Enter")
    expect(page.locator(".msg.ours .quoted")).to_contain_text("Bonjour de Julie Martin")
    expect(page.locator(".relation")).to_have_count(0)
    until(lambda: julie.texts()[-1] == "Bonjuor Julie", "the message", 20)
    last = [event for event in julie.events() if event["type"] == "m.room.message"][-1]
    assert last["content"]["m.relates_to"]["m.in_reply_to"]["event_id"].startswith("$")
    # corrected by keyboard; given up, the field is as it was
    expect(desk.area).to_have_value("")
    desk.area.focus()
    press("ArrowUp")
    expect(desk.area).to_have_value("Bonjuor Julie")
    press("Escape")
    expect(desk.area).to_have_value("")
    press("ArrowUp")
    desk.area.fill("Bonjour Julie")
    accessible(page)
    shot(page, "automation-fr-light-correcting")
    press("Enter")
    expect(desk.bubble("Bonjour Julie")).to_be_visible()
    expect(page.locator(".msg.ours")).to_have_count(1)
    expect(page.locator(".msg.ours .meta")).to_contain_text("modifié")
    until(lambda: any(event["content"].get("m.new_content", {}).get("body") == "Bonjour Julie" for event in julie.events()), "the correction", 20)
    # deleted, for the customer too
    page.locator(".msg.ours").hover()
    page.locator(".msg.ours").get_by_role("button", name="Actions sur ce message").click()
    page.get_by_role("menuitem", name="Supprimer").click()
    page.get_by_role("dialog", name="Supprimer").get_by_role("button", name="Supprimer").click()
    expect(page.locator(".msg.ours .bubble.quiet")).to_be_visible()
    until(lambda: not any("Bonjuor" in str(event["content"]) for event in julie.events()), "the deletion", 20)
    expect(page.locator(".msg.ours").get_by_role("button", name="Actions sur ce message")).to_have_count(0)
