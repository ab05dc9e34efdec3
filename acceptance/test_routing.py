"""Teams, hours and promises at the desk, as administrators set them up and agents and customers live with them."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from browser import accessible, shot
from desk import SIZES, Console, Shop, console



@pytest.fixture
def shop(server):
    return Shop(server, colleagues=("karim", "lea"), assignment="automatic")


def look(people, shop, path: str, name: str, ready: str, prepare=None) -> None:
    """The page in both languages and schemes, on a desk, a tablet and a phone: nothing for axe to find, a picture of each to look at."""
    for lang, dark in (("fr", False), ("en", True)):
        for size, viewport in SIZES.items():
            page = people.page(locale="fr-FR" if lang == "fr" else "en-GB", dark=dark, reduced_motion="reduce", viewport=viewport)
            Console(page, shop, lang).sign_in()
            page.goto(f"{shop.server.base}/desk?lang={lang}{path}")
            expect(page.locator(ready).first).to_be_visible()
            if prepare:
                prepare(page)
            accessible(page)
            shot(page, f"routing-{name}-{size}-{lang}-{'dark' if dark else 'light'}")
            page.close()


def test_a_team_is_made_and_gets_its_customers(shop, people):
    desk = console(people, shop)
    page = desk.page
    page.get_by_role("link", name="Administration").click()
    page.get_by_role("link", name="Équipes").click()
    page.get_by_role("button", name="Nouvelle équipe").click()
    page.get_by_label("Nom", exact=True).fill("Retours")
    page.get_by_label("À qui le tour").select_option("least_busy")
    page.get_by_label("Karim").check()
    page.locator(".edit").get_by_role("button", name="Créer").click()
    expect(page.locator(".items a")).to_contain_text("1 conseiller")
    # the inbox is routed to it
    page.get_by_role("link", name="Boîtes").click()
    page.locator(".items a").first.click()
    page.get_by_label("Équipe").select_option(label="Retours")
    expect(page.get_by_label("À qui le tour")).to_be_disabled()
    page.locator(".edit").get_by_role("button", name="Enregistrer").click()
    # anna and lea are online too: nobody but Karim gets it
    karim = console(people, shop, "karim")
    shop.visitor("Julie Martin").write("Bonjour")
    karim.view("mine")
    expect(karim.row("Julie Martin")).to_be_visible()
    karim.open("Julie Martin")
    expect(karim.page.locator(".conversation .head .place")).to_contain_text("Retours")
    expect(karim.page.locator(".rail")).to_contain_text("Retours")
    team = shop.anna.desk("GET", "/teams")["items"][0]
    assert (team["name"], team["strategy"], team["members"]) == ("Retours", "least_busy", [shop.colleagues["karim"].id])
    # its view, for who is in it; and by the address
    karim.page.locator(f".rail a[data-view='team:{team['id']}']").click()
    expect(karim.row("Julie Martin")).to_be_visible()
    expect(karim.page).to_have_url(re.compile(f"#/team/{team['id']}"))


def test_handing_over_by_keyboard(shop, people):
    team = shop.anna.desk("POST", "/teams", {"name": "Réparations", "members": [shop.colleagues["karim"].id]})
    julie = shop.visitor("Julie Martin")
    julie.write("Ma lampe est cassée")
    shop.anna.desk("POST", f"/conversations/{julie.conversation}/take", {"force": True})
    desk = console(people, shop)
    desk.view("mine")
    desk.open("Julie Martin")
    page = desk.page
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.locator("dialog.palette input").fill("équipe")
    page.keyboard.press("Enter")
    picker = page.locator(".pop.picker")
    expect(picker).to_contain_text("Réparations")
    accessible(page)
    page.keyboard.type("répar")
    page.keyboard.press("Enter")
    expect(desk.toast("Confiée à Réparations.")).to_be_visible()
    expect(page.locator(".timeline")).to_contain_text("Anna a confié la conversation à l’équipe Réparations.")
    now = shop.conversation(julie)
    assert now["team"]["id"] == team["id"] and (now["assignee"] or {}).get("id") != shop.anna.id


def test_an_agent_hands_over_and_goes(shop, people):
    """Away and reassigning: who waits for him goes to a colleague, without a word from anybody."""
    shop.anna.desk("PUT", "/me/availability", {"availability": "offline"})
    karim = console(people, shop, "karim")
    julie = shop.visitor("Julie Martin")
    julie.write("Bonjour")
    karim.view("mine")
    expect(karim.row("Julie Martin")).to_be_visible()
    lea = console(people, shop, "lea")
    karim.page.locator(".me:visible").click()
    karim.page.get_by_role("menuitemradio", name="Absent, je passe la main").click()
    lea.view("mine")
    expect(lea.row("Julie Martin")).to_be_visible()
    expect(karim.row("Julie Martin")).to_have_count(0)
    expect(karim.page.locator(".rail .me")).to_contain_text("Absent, je passe la main")


def test_the_pages_of_teams(shop, people):
    everybody = [shop.anna.id, *(agent.id for agent in shop.colleagues.values())]
    team = shop.anna.desk("POST", "/teams", {"name": "Retours et remboursements", "strategy": "sticky", "members": everybody[:2]})
    shop.anna.desk("POST", "/teams", {"name": "Atelier", "strategy": "least_busy", "members": everybody})
    shop.anna.desk("PATCH", f"/inboxes/{shop.inbox['id']}", {"team": team["id"], "skills": ["retours", "vip"]})
    look(people, shop, f"#/admin/teams/{team['id']}", "team", ".edit")
    look(people, shop, f"#/admin/inboxes/{shop.inbox['id']}", "inbox", ".edit", lambda page: page.get_by_label(re.compile("Équipe|^Team")).scroll_into_view_if_needed())
    look(people, shop, f"#/admin/agents/{shop.colleagues['karim'].id.replace('@', '%40').replace(':', '%3A')}", "agent", ".edit",
         lambda page: page.get_by_label(re.compile("Compétences|^Skills")).scroll_into_view_if_needed())


# --- hours, and what a customer sees of the queue --------------------------------------------------------------------------------------

ALWAYS = [[{"start": "00:00", "end": "24:00"}]] * 7


def chat(people, shop, lang="fr", **options):
    """The widget in a window of its own."""
    page = people.page(locale="fr-FR" if lang == "fr" else "en-GB", reduced_motion="reduce", **options)
    page.goto(f"{shop.server.base}/widget/?inbox={shop.inbox['key']}&lang={lang}")
    expect(page.locator("header.top")).to_be_visible()
    return page


def write(page, text: str) -> None:
    page.locator(".foot textarea").fill(text)
    page.locator(".foot textarea").press("Enter")
    expect(page.locator(".msg.mine", has_text=text).last).to_be_visible()


def test_hours_are_set_and_the_widget_tells_them(shop, people):
    desk = console(people, shop)
    page = desk.page
    page.goto(f"{shop.server.base}/desk#/admin/hours")
    page.get_by_role("button", name="Nouveaux horaires").click()
    page.get_by_label("Nom", exact=True).fill("Boutique")
    page.get_by_label("Fuseau horaire").select_option("Europe/Paris")
    page.get_by_role("button", name="Retirer des horaires : Vendredi").click()
    expect(page.get_by_role("group", name="Vendredi")).to_contain_text("Fermé")
    page.get_by_role("button", name="Ajouter des horaires : Samedi").click()
    page.get_by_label("Samedi, à").fill("12:30")
    page.get_by_role("button", name="Ajouter un jour").click()
    page.get_by_label("Date").fill(time.strftime("%Y-%m-%d", time.gmtime(time.time() + 3600)))
    page.get_by_label("Occasion").fill("Inventaire")
    accessible(page)
    page.locator(".edit").get_by_role("button", name="Créer").click()
    expect(page.locator(".items a")).to_contain_text("Fermé. Ouvre")
    saved = shop.anna.desk("GET", "/hours")["items"][0]
    usual = [{"start": "09:00", "end": "18:00"}]
    assert saved["week"] == [usual] * 4 + [[], [{"start": "09:00", "end": "12:30"}], []] and saved["exceptions"][0]["hours"] == []
    # what cannot be is said where it is
    page.get_by_label("Samedi, de").fill("13:00")
    page.locator(".edit").get_by_role("button", name="Enregistrer").click()
    expect(page.locator(".week .wrong")).to_contain_text("plages dans l’ordre")
    people.forgive("400")
    page.goto(f"{shop.server.base}/desk#/admin/inboxes/{shop.inbox['id']}")
    page.get_by_label("Horaires d’ouverture").select_option(label="Boutique")
    page.locator(".edit").get_by_role("button", name="Enregistrer").click()
    expect(page.locator(".edit > .bar")).to_contain_text("Enregistré.")
    for lang, words, dark in (("fr", "Nous sommes fermés. Nous rouvrons", False), ("en", "We are closed. We open again", True)):
        widget = chat(people, shop, lang, viewport=SIZES["phone"], dark=dark)
        expect(widget.locator("header .sub")).to_contain_text(words)
        expect(widget.locator("form.form")).to_contain_text(words)
        accessible(widget)
        shot(widget, f"routing-closed-{lang}")


def test_a_customer_follows_his_place_in_the_queue(shop, people):
    """Nobody is free: he sees his place, it moves by itself, and it goes when somebody answers."""
    for agent in (shop.anna.id, *(colleague.id for colleague in shop.colleagues.values())):
        shop.anna.desk("PATCH", f"/agents/{agent}", {"capacity": 0})
    first = shop.visitor("Paul Durand")
    first.write("Moi d’abord")
    page = chat(people, shop, viewport=SIZES["phone"])
    write(page, "Bonjour, une question")
    line = page.locator(".queue")
    expect(line).to_contain_text("Vous êtes en 2ᵉ position dans la file.")
    accessible(page)
    shot(page, "routing-queue-fr")
    shop.anna.desk("POST", f"/conversations/{first.conversation}/take", {})
    expect(line).to_contain_text("C’est bientôt votre tour.", timeout=3000)
    mine = shop.anna.desk("GET", "/conversations?view=unassigned")["items"][0]["id"]
    shop.anna.desk("POST", f"/conversations/{mine}/messages", {"key": "k", "type": "text", "body": "Me voici"})
    expect(page.locator(".msg", has_text="Me voici")).to_be_visible()
    expect(line).to_have_count(0)
    # out of hours he is told when somebody comes
    hours = shop.anna.desk("POST", "/hours", {"name": "Fermé", "time_zone": "Europe/Paris", "week": [[]] * 7,
                                              "exceptions": [{"date": "2099-01-01", "name": "", "hours": []}]})
    shop.anna.desk("PATCH", f"/inboxes/{shop.inbox['id']}", {"hours": hours["id"]})
    shop.anna.desk("POST", f"/conversations/{mine}/assign", {"agent": None})
    write(page, "Encore une question")
    expect(page.locator(".queue")).to_contain_text("Nous sommes fermés en ce moment.")


def test_the_pages_of_hours(shop, people):
    hours = shop.anna.desk("POST", "/hours", {"name": "Boutique de Paris", "time_zone": "Europe/Paris", "week": [
        [{"start": "09:00", "end": "12:30"}, {"start": "14:00", "end": "18:30"}]] * 5 + [[{"start": "10:00", "end": "24:00"}], []],
        "exceptions": [{"date": "2026-12-24", "name": "Réveillon", "hours": [{"start": "09:00", "end": "12:00"}]}, {"date": "2026-12-25", "name": "Noël", "hours": []}]})
    shop.anna.desk("POST", "/hours", {"name": "Nuit et jour", "time_zone": "UTC", "week": ALWAYS})
    second = shop.anna.desk("POST", "/teams", {"name": "Renfort", "members": [shop.anna.id]})
    team = shop.anna.desk("POST", "/teams", {"name": "Accueil", "members": [shop.anna.id], "hours": hours["id"], "overflow_team": second["id"], "overflow_after": 300, "escalate_after": 120})
    look(people, shop, f"#/admin/hours/{hours['id']}", "hours", ".edit", lambda page: page.locator(".edit > .bar").evaluate("e => e.closest('.detail').scrollTo(0, 99999)"))
    look(people, shop, f"#/admin/teams/{team['id']}", "overflow", ".edit")


# --- what is promised ------------------------------------------------------------------------------------------------------------------


def test_a_promise_is_made_and_its_breach_is_seen(shop, people):
    desk = console(people, shop)
    page = desk.page
    page.goto(f"{shop.server.base}/desk#/admin/sla")
    page.get_by_role("button", name="Nouvel engagement").click()
    page.get_by_label("Nom", exact=True).fill("Rapide")
    page.get_by_label("Première réponse en (minutes)").fill("5")
    page.get_by_label("Réponse suivante en (minutes)").fill("0")
    page.get_by_text("Ne compter que les heures d’ouverture").click()
    accessible(page)
    page.locator(".edit").get_by_role("button", name="Créer").click()
    expect(page.locator(".items a")).to_contain_text("5 min · – · –")
    policy = shop.anna.desk("GET", "/sla-policies")["items"][0]
    assert (policy["first_response"], policy["next_response"], policy["business_hours"]) == (300, None, False)
    julie = shop.visitor("Julie Martin")
    julie.write("Bonjour")
    page.goto(f"{shop.server.base}/desk#/all/{julie.conversation}")
    expect(page.locator(".conversation .head .due")).to_have_attribute("title", re.compile("Première réponse attendue dans"))
    # a promise of a second: it is broken at once, in the timeline, in the list and in the number beside the view
    shop.anna.desk("PATCH", f"/sla-policies/{policy['id']}", {"first_response": 1})
    expect(page.locator(".timeline")).to_contain_text("La première réponse est en retard.", timeout=10_000)
    expect(page.locator(".rail a[data-view=at_risk] .badge")).to_have_text("1")
    desk.view("at_risk")
    expect(desk.row("Julie Martin").locator(".due.hot")).to_contain_text("retard")
    accessible(page)
    shot(page, "routing-at-risk")
    shop.anna.desk("POST", f"/conversations/{julie.conversation}/messages", {"key": "k", "type": "text", "body": "Me voici"})
    expect(desk.row("Julie Martin")).to_have_count(0)
    expect(page.locator(".rail a[data-view=at_risk] .badge")).to_have_count(0)


def test_the_page_of_promises(shop, people):
    shop.anna.desk("POST", "/teams", {"name": "Accueil", "members": [shop.anna.id]})
    policy = shop.anna.desk("POST", "/sla-policies", {"name": "Urgences", "first_response": 300, "next_response": 600, "resolution": 14_400, "priorities": ["urgent", "high"]})
    shop.anna.desk("POST", "/sla-policies", {"name": "Tout le reste", "first_response": 3600})
    look(people, shop, f"#/admin/sla/{policy['id']}", "sla", ".edit", lambda page: page.locator(".edit > .bar").evaluate("e => e.closest('.detail').scrollTo(0, 99999)"))
