"""Customers in the console: their page, what is known of them, companies, segments."""

from __future__ import annotations

import os
import re

import pytest
from playwright.sync_api import expect

from browser import accessible, shot
from desk import Console, Shop

LOOKS = [("fr", False), ("en", True)]
if os.environ.get("COMPTOIR_ALL_LOOKS"):
    LOOKS += [("en", False), ("fr", True)]
SIZES = {"desktop": (1440, 900), "tablet": (820, 1180), "phone": (390, 844)}


@pytest.fixture
def shop(server):
    return Shop(server)


def console(people, shop, name="anna", lang="fr", **options) -> Console:
    return Console(people.page(locale="fr-FR" if lang == "fr" else "en-GB", viewport={"width": 1440, "height": 900}, **options), shop, lang).sign_in(name)


def attributes(shop, lang: str = "fr") -> None:
    french = lang == "fr"
    for key, name, kind, choices in (("tier", "Fidélité" if french else "Loyalty", "list", ["Bronze", "Argent", "Or"]), ("orders", "Commandes" if french else "Orders", "number", []),
                                     ("since", "Client depuis" if french else "Customer since", "date", []), ("newsletter", "Lettre d’information" if french else "Newsletter", "boolean", []),
                                     ("file", "Fiche CRM" if french else "CRM file", "link", [])):
        shop.anna.desk("PUT", f"/attributes/{key}", {"name": name, "kind": kind, "choices": choices})


def fill(shop, lang: str = "fr") -> dict:
    attributes(shop, lang)
    made = {}
    for name, company, tier, orders in (("Julie Martin", "Hôtel des Quais", "Or", "12"), ("Paul Durand", "Hôtel des Quais", "Bronze", "2"), ("Nora Petit", None, None, None)):
        visitor = made[name] = shop.visitor(name, f"{name.split()[0].lower()}@example.org", page={"url": "https://lumen.example/lampes", "title": "Lampes de table", "referrer": "https://search.example/lampe"})
        visitor.write("Bonjour, ma lampe clignote. Est-ce normal ?" if lang == "fr" else "Hello, my lamp flickers. Is that normal?")
        path = f"/contacts/{visitor.contact['id']}"
        if company:
            shop.anna.desk("PATCH", path, {"company": company, "phone": "+33 6 12 34 56 78", "location": "Lyon", "attributes": {"tier": tier, "orders": orders}})
            shop.anna.desk("POST", path + "/addresses", {"kind": "email", "value": f"{name.split()[0].lower()}@quais.example"})
            shop.anna.desk("POST", path + "/notes", {"key": "n1", "body": "Préfère être rappelée le matin." if lang == "fr" else "Prefers to be called in the morning."})
            shop.anna.desk("PUT", path + "/attributes/file", {"value": "https://crm.example/c/1042"})
    return made


def test_an_attribute_from_its_definition_to_a_view(shop, people):
    visitor = shop.visitor("Julie Martin", "julie@example.org")
    visitor.write("Bonjour")
    shop.visitor("Paul Durand", "paul@example.org").write("Bonjour aussi")
    desk = console(people, shop)
    page = desk.page
    # defined by the administrator
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.locator(".admin nav a", has_text="Attributs").click()
    page.get_by_role("button", name="Nouvel attribut").click()
    page.get_by_label("Nom", exact=True).fill("Niveau de fidélité")
    page.get_by_label("Type").select_option(label="Choix")
    page.get_by_role("button", name="Créer").click()
    expect(page.locator(".wrong").first).to_contain_text("Indiquez les choix possibles")
    people.forgive("400")
    page.get_by_label("Choix", exact=True).fill("Bronze\nOr")
    page.get_by_role("button", name="Créer").click()
    expect(page).to_have_url(re.compile(r"#/admin/attributes/niveau_de_fidelite$"))
    # filled in beside the conversation
    page.goto(f"{shop.server.base}/desk#/all/{visitor.conversation}")
    panel = page.locator("aside.customer")
    panel.get_by_role("button", name="Modifier Niveau de fidélité").click()
    dialog = page.get_by_role("dialog", name="Niveau de fidélité")
    dialog.get_by_label("Valeur").select_option("Or")
    dialog.get_by_role("button", name="Enregistrer").click()
    expect(panel.locator(".attributes")).to_contain_text("Or")
    assert shop.anna.desk("GET", f"/contacts/{visitor.contact['id']}")["attributes"] == {"niveau_de_fidelite": "Or"}
    # a view of conversations asks for it, and follows it
    page.get_by_role("button", name="Nouvelle vue").click()
    editor = page.get_by_role("dialog", name="Nouvelle vue")
    editor.get_by_label("Nom", exact=True).fill("Clients or")
    editor.get_by_role("button", name="Ajouter une condition").click()
    editor.get_by_label("Valeur").select_option("Or")
    expect(editor.get_by_role("status")).to_have_text("1 conversation correspond")
    editor.get_by_role("button", name="Créer").click()
    expect(page.locator(".row .name")).to_have_text(["Julie Martin"])
    shop.anna.desk("PUT", f"/contacts/{visitor.contact['id']}/attributes/niveau_de_fidelite", {"value": "Bronze"})
    visitor.write("Encore moi")
    expect(page.locator(".row .name")).to_have_count(0, timeout=10_000)


def test_the_page_of_a_customer(shop, people):
    made = fill(shop)
    desk = console(people, shop)
    page = desk.page
    page.keyboard.press("g")
    page.keyboard.press("k")
    expect(page.locator(".customers .items .name")).to_have_text(["Nora Petit", "Paul Durand", "Julie Martin"])
    expect(page.locator(".customers .count")).to_have_text("3 clients")
    page.get_by_role("searchbox").fill("quais julie")
    expect(page.locator(".customers .items .name")).to_have_text(["Julie Martin"])
    page.locator(".customers .items a").first.click()
    profile = page.locator(".profile")
    expect(profile.locator("h2")).to_have_text("Julie Martin")
    expect(profile.locator(".known")).to_contain_text("julie@quais.example")
    expect(profile.locator(".known")).to_contain_text("non prouvé")
    expect(profile.locator(".events")).to_contain_text("Lampes de table")
    expect(profile.locator(".events")).to_contain_text("depuis search.example/lampe")
    # a note of hers, and only notes
    profile.get_by_label("Note sur ce client").fill("A une lampe Orion.")
    profile.get_by_role("button", name="Ajouter la note").click()
    expect(profile.locator(".event.is-note").first).to_contain_text("A une lampe Orion.")
    profile.get_by_role("button", name="Notes", exact=True).click()
    expect(profile.locator(".event")).to_have_count(2)
    profile.locator(".event.is-note").first.get_by_role("button", name="Supprimer cette note").click()
    page.get_by_role("dialog").get_by_role("button", name="Supprimer").click()
    expect(profile.locator(".event")).to_have_count(1)
    profile.get_by_role("button", name="Tout", exact=True).click()
    # the other address becomes the main one
    profile.get_by_role("button", name="Autres actions : julie@quais.example").or_(profile.locator(".known button[aria-haspopup=menu]")).first.click()
    page.get_by_role("menuitem", name="En faire le principal").click()
    expect(profile.locator(".known li", has_text="julie@example.org").locator("button")).to_have_count(1)
    assert shop.anna.desk("GET", f"/contacts/{made['Julie Martin'].contact['id']}")["email"] == "julie@quais.example"
    # an address that is none is said to be so
    profile.get_by_role("button", name="Ajouter un numéro de téléphone").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Téléphone").fill("abc")
    dialog.get_by_role("button", name="Ajouter").click()
    expect(dialog.locator(".wrong")).to_have_text("Ce n’est pas un numéro de téléphone.")
    people.forgive("400")
    page.keyboard.press("Escape")
    # from the timeline into the conversation, and back to the page
    profile.locator(".event.is-conversation a").click()
    expect(page.locator(".conversation .head .name")).to_have_text("Julie Martin")
    page.locator("aside.customer").get_by_role("link", name="Ouvrir la fiche du client").click()
    expect(page.locator(".profile h2")).to_have_text("Julie Martin")
    # her company has two people
    page.locator(".profile").get_by_role("link", name="Hôtel des Quais").click()
    expect(page.locator(".profile.company .links .name")).to_have_count(4)
    page.get_by_label("Nom", exact=True).fill("Hôtel du Port")
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.locator(".customers .items .name")).to_have_text(["Hôtel du Port"])
    page.locator(".profile .links a", has_text="Paul Durand").first.click()
    expect(page.locator(".profile")).to_contain_text("Hôtel du Port")


def test_a_segment(shop, people):
    made = fill(shop)
    desk = console(people, shop)
    page = desk.page
    page.get_by_role("link", name="Clients", exact=True).click()
    page.get_by_role("button", name="Filtrer les clients").click()
    editor = page.get_by_role("dialog", name="Filtrer les clients")
    editor.get_by_role("button", name="Ajouter une condition").click()
    editor.get_by_label("Attribut", exact=True).select_option(label="Commandes")
    editor.get_by_label("Condition", exact=True).select_option(label="est supérieur à")
    editor.get_by_label("Valeur").fill("beaucoup")
    editor.get_by_role("button", name="Appliquer").click()
    expect(editor.locator(".wrong").first).to_have_text("Ce champ doit être un nombre ou une date.")
    people.forgive("400")
    editor.get_by_label("Valeur").fill("5")
    expect(editor.get_by_role("status")).to_have_text("1 client correspond")
    editor.get_by_label("Nom", exact=True).fill("Bons clients")
    editor.get_by_label("Pour toute l’équipe").check()
    editor.get_by_role("button", name="Enregistrer").click()
    expect(page.locator(".customers .items .name")).to_have_text(["Julie Martin"])
    # a colleague has it too, and sees who comes in
    karim = console(people, shop, "karim")
    karim.page.get_by_role("link", name="Clients", exact=True).click()
    karim.page.get_by_label("Segment").select_option(label="Bons clients")
    expect(karim.page.locator(".customers .items .name")).to_have_text(["Julie Martin"])
    shop.anna.desk("PUT", f"/contacts/{made['Nora Petit'].contact['id']}/attributes/orders", {"value": "30"})
    karim.page.get_by_role("searchbox").fill("nora")
    expect(karim.page.locator(".customers .items .name")).to_have_text(["Nora Petit"])
    page.get_by_role("button", name="Modifier ce segment").click()
    page.get_by_role("button", name="Supprimer ce segment").click()
    page.get_by_role("dialog", name="Supprimer ce segment").get_by_role("button", name="Supprimer").click()
    expect(page.locator(".customers .items .name")).to_have_count(3)


@pytest.mark.parametrize("lang,dark", LOOKS)
def test_the_looks_of_customers(shop, people, lang, dark):
    made = fill(shop, lang)
    mark = f"{lang}-{'dark' if dark else 'light'}"
    settings = {"locale": "fr-FR" if lang == "fr" else "en-GB", "dark": dark, "reduced_motion": "reduce"}
    julie = made["Julie Martin"].contact["id"]
    company = shop.anna.desk("GET", f"/contacts/{julie}")["company_id"]
    for size, (width, height) in SIZES.items():
        page = people.page(**settings, viewport={"width": width, "height": height})
        Console(page, shop, lang).sign_in()
        for name, hash, ready in (("list", "#/customers", ".customers .items .name"), ("profile", f"#/customers/{julie}", ".profile .event"), ("company", f"#/companies/{company}", ".profile.company .links a"),
                                  ("attributes", "#/admin/attributes/tier", ".edit textarea"), ("panel", f"#/all/{made['Julie Martin'].conversation}", ".timeline[aria-busy=false]")):
            page.goto(f"{shop.server.base}/desk{hash}")
            expect(page.locator(ready).first).to_be_attached()
            page.mouse.move(width / 2, 2)
            accessible(page)
            shot(page, f"customers-{mark}-{size}-{name}")
        page.goto(f"{shop.server.base}/desk#/customers")
        page.get_by_role("button", name=re.compile("Filtrer les clients|Filter customers")).click()
        editor = page.locator("dialog.view-editor")
        editor.get_by_role("button", name=re.compile("condition")).click()
        expect(editor.locator(".fitting")).not_to_be_empty()
        accessible(page)
        shot(page, f"customers-{mark}-{size}-filter")
        page.close()
