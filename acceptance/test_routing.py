"""Teams, hours and promises at the desk, as administrators set them up and agents and customers live with them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser import accessible, shot
from desk import Console, Shop

SIZES = {"desktop": {"width": 1440, "height": 900}, "tablet": {"width": 820, "height": 1180}, "phone": {"width": 390, "height": 844}}


@pytest.fixture
def shop(server):
    return Shop(server, colleagues=("karim", "lea"), assignment="automatic")


def console(people, shop, name="anna", **options):
    return Console(people.page(locale="fr-FR", **options), shop).sign_in(name)


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
