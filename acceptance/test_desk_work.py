"""Working in the console beside single conversations: views of one's own, many at once."""

from __future__ import annotations

import re
import time
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from browser import accessible, shot
from desk import LOOKS, WIDE, Console, Shop, console, queue



@pytest.fixture
def shop(server):
    return Shop(server)


def test_a_view_of_ones_own(shop, people):
    made = queue(shop, "Julie Martin", "Paul Durand", "Nora Petit")
    shop.anna.desk("PUT", f"/conversations/{made['Julie Martin'].conversation}/tags", {"tags": ["vip"]})
    desk = console(people, shop)
    page = desk.page
    page.keyboard.press("g")
    page.keyboard.press("v")
    editor = page.get_by_role("dialog", name="Nouvelle vue")
    editor.get_by_label("Nom", exact=True).fill("Clients VIP")
    expect(editor.get_by_role("status")).to_have_text("3 conversations correspondent")
    editor.get_by_role("button", name=re.compile("Étiquettes")).click()
    page.keyboard.type("vip")
    page.keyboard.press("Enter")
    expect(editor.get_by_role("status")).to_have_text("1 conversation correspond")
    editor.get_by_label("Pour toute l’équipe").check()
    editor.get_by_role("button", name="Créer").click()
    expect(editor).to_have_count(0)
    entry = page.locator(".rail a", has_text="Clients VIP")
    expect(entry).to_have_attribute("aria-current", "page")
    expect(page.locator(".row .name")).to_have_text(["Julie Martin"])
    expect(entry.locator(".badge")).to_have_text("1")
    # a colleague tags another one: it comes by itself, and so does the number
    shop.colleagues["karim"].desk("PUT", f"/conversations/{made['Nora Petit'].conversation}/tags", {"tags": ["vip"]})
    expect(page.locator(".row .name")).to_have_text(["Julie Martin", "Nora Petit"])
    expect(entry.locator(".badge")).to_have_text("2")
    # Karim has it without reloading, but may not change it
    karim = console(people, shop, "karim")
    karim.page.locator(".rail a", has_text="Clients VIP").click()
    expect(karim.page.locator(".row .name")).to_have_text(["Julie Martin", "Nora Petit"])
    expect(karim.page.get_by_role("button", name="Modifier cette vue")).to_have_count(0)
    # changed: nobody's only
    shop.anna.desk("POST", f"/conversations/{made['Julie Martin'].conversation}/take", {})
    page.get_by_role("button", name="Modifier cette vue").click()
    editor = page.get_by_role("dialog", name="Modifier cette vue")
    editor.get_by_role("button", name=re.compile("Attribuées à")).click()
    page.keyboard.type("personne")
    page.keyboard.press("Enter")
    editor.get_by_role("button", name="Enregistrer").click()
    expect(page.locator(".row .name")).to_have_text(["Nora Petit"])
    expect(karim.page.locator(".row .name")).to_have_text(["Nora Petit"])
    # by the palette, after a reload
    page.reload()
    expect(page.locator(".row .name")).to_have_text(["Nora Petit"])
    desk.view("mine")
    page.keyboard.press("Control+k")
    page.keyboard.type("clients vip")
    expect(page.locator("dialog.palette .option").first).to_contain_text("Clients VIP")
    page.keyboard.press("Enter")
    expect(entry).to_have_attribute("aria-current", "page")
    page.get_by_role("button", name="Modifier cette vue").click()
    page.get_by_role("button", name="Supprimer cette vue").click()
    page.get_by_role("dialog", name="Supprimer cette vue").get_by_role("button", name="Supprimer").click()
    expect(page.locator(".rail a", has_text="Clients VIP")).to_have_count(0)
    expect(page.locator(".rail a[data-view=mine]")).to_have_attribute("aria-current", "page")
    expect(karim.page.get_by_text("Cette vue n’existe plus").first).to_be_visible()


def test_what_is_wrong_with_a_view_is_said(shop, people):
    desk = console(people, shop, lang="en")
    page = desk.page
    page.get_by_role("button", name="New view").click()
    editor = page.get_by_role("dialog", name="New view")
    editor.get_by_label("Opened from").fill("2026-05-02")
    editor.get_by_label("Opened until").fill("2026-05-01")
    editor.get_by_role("button", name="Create").click()
    expect(editor.locator(".wrong").first).to_have_text("This field is required.")
    expect(editor.locator(".wrong").nth(1)).to_have_text("The end is before the beginning.")
    people.forgive("400")


def test_many_at_once_by_keyboard(shop, people):
    names = ["Julie Martin", "Paul Durand", "Nora Petit", "Léa Roux", "Hugo Faure"]
    made = queue(shop, *names)
    desk = console(people, shop)
    page, press = desk.page, desk.page.keyboard.press
    desk.view("unassigned")
    expect(page.locator(".row")).to_have_count(5)
    press("j")
    press("x")
    expect(desk.row("Julie Martin")).to_have_class(re.compile("picked"))
    press("j")
    press("j")
    press("Shift+X")
    expect(page.locator(".bulk strong")).to_have_text("3 sélectionnées")
    expect(page.get_by_role("option", selected=True)).to_have_count(3)
    press("l")
    page.keyboard.type("lot")
    press("Enter")
    expect(desk.toast("3 conversations modifiées.")).to_be_visible()
    expect(page.locator(".row .tag")).to_have_count(3)
    # what was done is no longer picked; the same three again, resolved, and brought back with their waiting time
    before = {name: shop.anna.desk("GET", f"/conversations/{made[name].conversation}")["waiting_since"] for name in names[:3]}
    press("*")
    press("a")
    expect(page.locator(".bulk strong")).to_have_text("5 sélectionnées")
    press("Escape")
    expect(page.locator(".bulk")).to_have_count(0)
    desk.row("Julie Martin").locator(".pick").click()
    desk.row("Nora Petit").click(modifiers=["Shift"])
    expect(page.locator(".bulk strong")).to_have_text("3 sélectionnées")
    press("e")
    expect(page.locator(".row .name")).to_have_text(["Léa Roux", "Hugo Faure"])
    desk.toast("3 conversations modifiées.").last.get_by_role("button", name="Annuler").click()
    expect(page.locator(".row")).to_have_count(5)
    after = {name: shop.anna.desk("GET", f"/conversations/{made[name].conversation}") for name in names[:3]}
    assert {name: it["waiting_since"] for name, it in after.items()} == before
    assert all(it["status"] == "open" for it in after.values())


def test_what_was_refused_stays_picked(shop, people):
    made = queue(shop, "Julie Martin", "Paul Durand")
    shop.anna.desk("POST", f"/conversations/{made['Paul Durand'].conversation}/take", {})
    desk = console(people, shop, "karim")
    page = desk.page
    desk.view("all")
    desk.row("Julie Martin").locator(".pick").click()
    desk.row("Paul Durand").locator(".pick").click()
    page.locator(".bulk").get_by_role("button", name="Attribuer").click()
    page.keyboard.type("vous")
    page.keyboard.press("Enter")
    expect(desk.toast("1 conversation modifiée.")).to_be_visible()
    number = shop.anna.desk("GET", f"/conversations/{made['Paul Durand'].conversation}")["number"]
    expect(desk.toast(f"#{number}")).to_contain_text("Cette conversation est à un collègue")
    expect(page.locator(".bulk strong")).to_have_text("1 sélectionnée")
    expect(desk.row("Paul Durand")).to_have_class(re.compile("picked"))
    assert shop.anna.desk("GET", f"/conversations/{made['Julie Martin'].conversation}")["assignee"]["name"] == "Karim"


def test_sixty_by_one_call(shop, people):
    """Every rule of a single change holds for each of many."""
    visitors = [shop.visitor() for _ in range(60)]
    for number, visitor in enumerate(visitors):
        visitor.write(f"Bonjour {number}")
    ids = [visitor.conversation for visitor in visitors]
    began = time.monotonic()
    answer = shop.anna.desk("POST", "/conversations/bulk", {"ids": ids, "assign": "me", "add_tags": ["lot"], "status": "resolved"})
    assert answer["done"] == 60 and answer["failed"] == 0 and time.monotonic() - began < 30
    assert shop.anna.desk("GET", "/counts")["resolved"] == 60


@pytest.mark.parametrize("lang,dark", LOOKS)
def test_the_looks_of_views_and_selections(shop, people, lang, dark):
    made = queue(shop, "Julie Martin", "Paul Durand", "Nora Petit", "Léa Roux")
    for name in list(made)[:2]:
        shop.anna.desk("PUT", f"/conversations/{made[name].conversation}/tags", {"tags": ["vip", "livraison"]})
    view = shop.anna.desk("POST", "/views", {"name": "VIP", "scope": "team", "filter": {"statuses": ["open"], "tags": ["vip", "livraison"], "assignees": ["nobody", "me"], "waiting_minutes": 5}})
    shop.anna.desk("POST", "/views", {"name": "Livraison en retard, français" if lang == "fr" else "Late deliveries, in French", "filter": {"tags": ["livraison"]}})
    mark = f"{lang}-{'dark' if dark else 'light'}"
    settings = {"locale": "fr-FR" if lang == "fr" else "en-GB", "dark": dark, "reduced_motion": "reduce"}
    for size, viewport in WIDE.items():
        page = people.page(**settings, viewport=viewport)
        desk = Console(page, shop, lang).sign_in()
        desk.view("unassigned")
        for name in ("Julie Martin", "Nora Petit"):
            desk.row(name).locator(".pick").click()
        expect(page.locator(".bulk")).to_be_visible()
        page.mouse.move(viewport["width"] / 2, viewport["height"] / 2)
        accessible(page)
        shot(page, f"work-{mark}-{size}-bulk")
        page.goto(f"{shop.server.base}/desk#/view/{view['id']}")
        page.locator(".list .top button[aria-label*='vue' i], .list .top button[aria-label*='view' i]").last.click()
        expect(page.locator("dialog.view-editor .fitting")).not_to_be_empty()
        accessible(page)
        shot(page, f"work-{mark}-{size}-view")
    phone = people.page(device="phone", **settings)
    small = Console(phone, shop, lang).sign_in(at="#/unassigned")
    small.row("Julie Martin").locator(".pick").click()
    expect(phone.locator(".bulk")).to_be_visible()
    accessible(phone)
    shot(phone, f"work-{mark}-phone-bulk")
    phone.goto(f"{shop.server.base}/desk#/view/{view['id']}")
    phone.locator(".list .top button.only").first.click()
    expect(phone.locator("dialog.view-editor .fitting")).not_to_be_empty()
    accessible(phone)
    shot(phone, f"work-{mark}-phone-view")


def test_search_finds_and_opens_where_it_stands(shop, people):
    made = queue(shop, "Julie Martin", "Paul Durand", "Nora Petit")
    made["Julie Martin"].write("Ma lampe de bureau clignote depuis hier")
    for number in range(60):
        made["Julie Martin"].write(f"et encore {number}")
    shop.anna.desk("POST", f"/conversations/{made['Paul Durand'].conversation}/notes", {"key": "n", "body": "Proposer une autre lampe, ou un avoir", "mentions": []})
    shop.anna.desk("POST", f"/conversations/{made['Paul Durand'].conversation}/take", {})
    desk = console(people, shop)
    page, press = desk.page, desk.page.keyboard.press
    press("/")
    page.keyboard.type("lampes")
    expect(page.locator(".result .name")).to_have_text(["Paul Durand", "Julie Martin"])
    expect(page.locator(".result mark")).to_have_text(["lampe", "lampe"])
    expect(page.locator(".result .hit.note")).to_contain_text("Proposer une autre lampe")
    # narrowed by filters, which stay for the next search
    page.get_by_label("Où").select_option("messages")
    expect(page.locator(".result .name")).to_have_text(["Julie Martin"])
    page.get_by_label("Où").select_option("")
    page.get_by_label("Attribuées à").select_option("me")
    expect(page.locator(".result .name")).to_have_text(["Paul Durand"])
    page.get_by_label("Attribuées à").select_option("")
    expect(page.locator(".result")).to_have_count(2)
    # by keyboard to the one below, opened at the message far up
    page.get_by_role("searchbox").focus()
    press("ArrowDown")
    press("ArrowDown")
    press("Enter")
    expect(page.locator(".conversation .head .name")).to_have_text("Julie Martin")
    expect(desk.bubble("Ma lampe de bureau clignote")).to_be_in_viewport()
    press("Escape")
    # a customer, by the beginning of the name
    press("/")
    page.keyboard.type("nor")
    person = page.locator(".people .person")
    expect(person).to_contain_text("Nora Petit")
    person.click()
    expect(page.locator(".conversation .head .name")).to_have_text("Nora Petit")
    # Karim, who has been taken out of the inbox, finds nothing
    shop.anna.desk("PATCH", f"/agents/{quote(shop.colleagues['karim'].id)}", {"inboxes": []})
    karim = console(people, shop, "karim")
    karim.page.keyboard.press("/")
    karim.page.keyboard.type("lampe")
    expect(karim.page.get_by_text("Rien trouvé").or_(karim.page.locator(".empty h3[role=status]"))).to_be_visible()
    expect(karim.page.locator(".result, .people")).to_have_count(0)


@pytest.mark.parametrize("lang,dark", LOOKS)
def test_the_looks_of_search(shop, people, lang, dark):
    made = queue(shop, "Julie Martin", "Paul Durand", "Lampert Ferry")
    made["Julie Martin"].write("Ma lampe de bureau clignote depuis hier, et l’ampoule que vous m’avez envoyée la semaine dernière n’y change rien du tout, c’est bien dommage pour une lampe de ce prix")
    made["Julie Martin"].write("Avez-vous une autre lampe ?")
    shop.anna.desk("POST", f"/conversations/{made['Paul Durand'].conversation}/notes", {"key": "n", "body": "Proposer une autre lampe, ou un avoir", "mentions": []})
    shop.anna.desk("PUT", f"/conversations/{made['Paul Durand'].conversation}/tags", {"tags": ["vip", "livraison"]})
    shop.anna.desk("POST", f"/conversations/{made['Paul Durand'].conversation}/take", {})
    mark = f"{lang}-{'dark' if dark else 'light'}"
    settings = {"locale": "fr-FR" if lang == "fr" else "en-GB", "dark": dark, "reduced_motion": "reduce"}
    for size, viewport in WIDE.items():
        page = people.page(**settings, viewport=viewport)
        Console(page, shop, lang).sign_in(at="#/search/lampe")
        expect(page.locator(".result mark").first).to_be_visible()
        accessible(page)
        shot(page, f"work-{mark}-{size}-search")
        if size == "desktop":
            page.locator(".result .hit").first.click()
            expect(page.locator(".timeline[aria-busy=false]")).to_be_visible()
            accessible(page)
            shot(page, f"work-{mark}-{size}-search-open")
    phone = people.page(device="phone", **settings)
    Console(phone, shop, lang).sign_in(at="#/search/lampe")
    expect(phone.locator(".result mark").first).to_be_visible()
    accessible(phone)
    shot(phone, f"work-{mark}-phone-search")


def test_a_reply_is_taken_back_and_one_leaves_later_over_a_kill(shop, people):
    made = queue(shop, "Julie Martin", "Paul Durand")
    julie, paul = made["Julie Martin"], made["Paul Durand"]
    desk = console(people, shop)
    page = desk.page
    page.locator(".me:visible").click()
    page.get_by_role("menuitem", name="Préférences").click()
    page.get_by_role("dialog").locator("label", has_text="5 s").click()
    page.keyboard.press("Escape")
    desk.view("unassigned")
    desk.open("Julie Martin")
    desk.reply("Une faute de frappr")
    expect(page.locator(".later li")).to_contain_text("Part dans")
    page.get_by_role("button", name="Reprendre").click()
    expect(desk.area).to_have_value("Une faute de frappr")
    expect(page.locator(".later li")).to_have_count(0)
    desk.reply("Sans faute de frappe")
    expect(desk.bubble("Sans faute de frappe")).to_be_visible(timeout=15_000)
    expect(page.locator(".later li")).to_have_count(0)
    assert julie.texts()[1:] == ["Sans faute de frappe"]
    # resolved at once: what could still be taken back leaves before it
    desk.reply("Au revoir")
    expect(page.locator(".later li")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    expect(desk.bubble("Au revoir")).to_be_visible()
    expect(page.locator(".head .state")).to_contain_text("Résolue")
    # a message for later survives the end of the server; another is held, for its customer writes first
    for visitor, text in ((julie, "Encore merci"), (paul, "Sommes-nous d’accord ?")):
        shop.anna.desk("POST", f"/conversations/{visitor.conversation}/later", {"key": text, "body": text, "delay_ms": 12_000})
    shop.server.kill()
    shop.server.start()
    paul.write("Finalement non")
    desk.view("all")
    desk.open("Paul Durand")
    expect(page.locator(".later li.held")).to_contain_text("le client a écrit entre-temps", timeout=40_000)
    assert "Sommes-nous d’accord ?" not in paul.texts()
    deadline = time.monotonic() + 20
    while "Encore merci" not in julie.texts() and time.monotonic() < deadline:
        time.sleep(0.5)
    assert julie.texts().count("Encore merci") == 1
    accessible(page)
    shot(page, "work-fr-light-later")
    page.get_by_role("button", name="Envoyer", exact=True).first.click()
    expect(desk.bubble("Sommes-nous d’accord ?")).to_be_visible()
    people.forgive("Failed to load resource", "ERR_")


def test_a_draft_is_on_ones_other_device(shop, people):
    queue(shop, "Julie Martin")
    desk, other = console(people, shop), console(people, shop)
    for one in (desk, other):
        one.view("unassigned")
        one.open("Julie Martin")
    desk.area.press_sequentially("Bonjour Julie, je reg")
    expect(other.area).to_have_value("Bonjour Julie, je reg")
    other.page.reload()
    expect(other.area).to_have_value("Bonjour Julie, je reg")
    third = console(people, shop)
    third.view("unassigned")
    expect(third.row("Julie Martin").locator(".draft")).to_be_visible()
