"""Customers in the console: their page, what is known of them, companies, segments."""

from __future__ import annotations

import functools
import re

import pytest
from playwright.sync_api import expect

from browser import accessible, shot
from desk import LOOKS, SIZES, Console, Shop
from desk import console as console_of

console = functools.partial(console_of, viewport=SIZES["desktop"])


@pytest.fixture
def shop(server):
    return Shop(server)


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
            shop.anna.desk("PATCH", path, {"company": company, "phone": f"+33 6 12 34 56 {len(name)}", "location": "Lyon", "attributes": {"tier": tier, "orders": orders}})
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


def test_two_who_are_one_and_two_again(shop, people):
    made = fill(shop)
    twin = shop.visitor("Julie Martin", "julie@quais.example")
    twin.write("Bonjour, c’est encore moi, depuis mon téléphone")
    julie, other = made["Julie Martin"].contact["id"], twin.contact["id"]
    desk = console(people, shop)
    page = desk.page
    page.goto(f"{shop.server.base}/desk#/customers/{julie}")
    hint = page.locator(".maybe-same")
    expect(hint).to_contain_text("même e-mail julie@quais.example (non prouvé)")
    expect(hint).to_contain_text("même nom")
    hint.get_by_role("button", name="Comparer").click()
    dialog = page.get_by_role("dialog", name="Est-ce une seule personne ?")
    expect(dialog).to_contain_text("Rien ici n’est prouvé")
    accessible(page)
    shot(page, "customers-merge")
    dialog.get_by_role("button", name="Fusionner").click()
    expect(desk.toast("Julie Martin n’est plus qu’un seul client.")).to_be_visible()
    expect(page.locator(".event.is-merged")).to_contain_text("Anna a fusionné Julie Martin avec ce client.")
    expect(page.locator(".event.is-conversation")).to_have_count(2)
    expect(page.locator(".customers .items .name")).to_have_count(3)
    assert shop.anna.desk("GET", f"/contacts/{other}")["id"] == julie
    # the customer's own rooms are as they were
    assert twin.texts() == ["Bonjour, c’est encore moi, depuis mon téléphone"]
    page.locator(".event.is-merged").get_by_role("button", name="Annuler la fusion").click()
    page.get_by_role("dialog").get_by_role("button", name="Annuler la fusion").click()
    expect(page.locator(".event.is-conversation")).to_have_count(1)
    expect(page.locator(".customers .items .name")).to_have_count(4)
    # not the same after all: it is not suggested again
    page.locator(".maybe-same").get_by_role("button", name="Ce n’est pas elle").click()
    expect(page.locator(".maybe-same")).to_have_count(0)
    page.reload()
    expect(page.locator(".profile .event").first).to_be_visible()
    expect(page.locator(".maybe-same")).to_have_count(0)
    # found by hand, and undone by the toast
    page.get_by_role("button", name="Autres actions").first.click()
    page.get_by_role("menuitem", name="Fusionner avec un autre client").click()
    page.get_by_label("Trouver l’autre").fill("paul")
    page.locator(".pick-one", has_text="Paul Durand").click()
    page.get_by_role("dialog").get_by_role("button", name="Fusionner").click()
    desk.toast("n’est plus qu’un seul client").get_by_role("button", name="Annuler").click()
    expect(page.locator(".event.is-unmerged")).to_have_count(2)
    assert shop.anna.desk("GET", f"/contacts/{made['Paul Durand'].contact['id']}")["name"] == "Paul Durand"
    # an agent may not
    karim = console(people, shop, "karim")
    karim.page.goto(f"{shop.server.base}/desk#/customers/{julie}")
    expect(karim.page.locator(".profile h2")).to_have_text("Julie Martin")
    expect(karim.page.locator(".maybe-same")).to_have_count(0)


def test_two_conversations_become_one_and_two_again(shop, people):
    phone, computer = shop.visitor("Julie Martin", "julie@example.org"), shop.visitor("Julie Martin", "julie@example.org")
    phone.write("Ma lampe clignote")
    computer.write("Et voici la facture")
    shop.anna.desk("POST", f"/contacts/{phone.contact['id']}/merge", {"other": computer.contact["id"]})
    desk = console(people, shop)
    page = desk.page
    page.goto(f"{shop.server.base}/desk#/unassigned/{computer.conversation}")
    expect(desk.bubble("Et voici la facture")).to_be_visible()
    page.get_by_role("button", name="Autres actions").first.click()
    page.get_by_role("menuitem", name="Fusionner avec une autre conversation").click()
    expect(page.locator(".pop .option, .pop [role=option]").first).to_contain_text("Ma lampe clignote")
    accessible(page)
    shot(page, "customers-merge-talk")
    page.keyboard.press("Enter")
    expect(desk.bubble("Ma lampe clignote")).to_be_visible()
    expect(desk.bubble("Et voici la facture")).to_be_visible()
    expect(page.locator(".row")).to_have_count(1)
    # the customer is answered where he wrote last, and nothing else has changed for him
    desk.reply("Merci, je regarde les deux.")
    expect(desk.bubble("Merci, je regarde les deux.")).to_be_visible()
    page.wait_for_timeout(300)
    assert computer.texts()[-1] == "Merci, je regarde les deux." and phone.texts() == ["Ma lampe clignote"]
    phone.write("Elle clignote encore")
    expect(desk.bubble("Elle clignote encore")).to_be_visible()
    page.locator(".timeline .system", has_text="Anna a fusionné").get_by_role("button", name="Annuler").click()
    expect(desk.bubble("Et voici la facture")).to_have_count(0)
    expect(desk.bubble("Elle clignote encore")).to_be_visible()
    other = shop.anna.desk("GET", f"/conversations/{computer.conversation}")
    assert other["id"] == computer.conversation and other["message_count"] == 2
    page.goto(f"{shop.server.base}/desk#/all/{computer.conversation}")
    expect(desk.bubble("Merci, je regarde les deux.")).to_be_visible()


def test_spam_and_blocks(shop, people):
    rude, polite = shop.visitor("Max Troll", "max@example.org"), shop.visitor("Julie Martin", "julie@example.org")
    rude.write("ACHETEZ MAINTENANT")
    polite.write("Bonjour")
    desk = console(people, shop)
    page = desk.page
    desk.view("unassigned")
    expect(page.locator(".row")).to_have_count(2)
    desk.open("Max Troll")
    page.keyboard.press("Escape")
    desk.row("Max Troll").click()
    page.locator(".timeline").focus()
    page.keyboard.press("!")
    expect(desk.toast("Placée dans les indésirables.")).to_be_visible()
    expect(page.locator(".row .name")).to_have_text(["Julie Martin"])
    expect(page.locator(".spam-note")).to_be_visible()
    expect(page.locator(".write textarea")).to_have_count(0)
    accessible(page)
    shot(page, "customers-spam")
    # what he writes bothers nobody
    rude.write("ACHETEZ !")
    desk.view("spam")
    expect(page.locator(".row .name")).to_have_text(["Max Troll"])
    expect(page.locator(".rail a[data-view=unassigned] .badge")).to_have_text("1")
    desk.open("Max Troll")
    expect(desk.bubble("ACHETEZ !")).to_be_visible()
    page.locator(".spam-note").get_by_role("button", name="N’est pas indésirable").click()
    expect(page.locator(".rail a[data-view=unassigned] .badge")).to_have_text("2")
    expect(page.locator(".write textarea")).to_be_visible()
    # blocked: all that he has open goes, and comes back
    page.get_by_role("button", name="Autres actions").first.click()
    page.get_by_role("menuitem", name="Bloquer ce client").click()
    page.get_by_role("dialog").get_by_role("button", name="Bloquer ce client").click()
    expect(desk.toast("Max Troll est bloqué.")).to_be_visible()
    expect(page.locator("aside.customer .identity.blocked")).to_have_text("Bloqué")
    expect(page.locator(".rail a[data-view=unassigned] .badge")).to_have_text("1")
    assert rude.texts() == ["ACHETEZ MAINTENANT", "ACHETEZ !"]
    rude.write("Vous m’ignorez ?")
    page.wait_for_timeout(300)
    expect(page.locator(".rail a[data-view=unassigned] .badge")).to_have_text("1")
    desk.toast("Max Troll est bloqué.").get_by_role("button", name="Annuler").click()
    expect(page.locator(".rail a[data-view=unassigned] .badge")).to_have_text("2")
    expect(page.locator("aside.customer .identity.blocked")).to_have_count(0)


def test_consents(shop, people):
    visitor = shop.visitor("Julie Martin", "julie@example.org")
    visitor.write("Bonjour")
    desk = console(people, shop)
    page = desk.page
    page.goto(f"{shop.server.base}/desk#/customers/{visitor.contact['id']}")
    consents = page.locator(".consents")
    expect(consents).to_contain_text("Rien de noté.")
    consents.get_by_role("button", name="Noter un consentement").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Enregistrer").click()
    expect(dialog.locator(".wrong").first).to_have_text("Ce champ est obligatoire.")
    people.forgive("400")
    dialog.get_by_label("À quel sujet").fill("Lettre d’information")
    dialog.get_by_label("Où cela a été dit").fill("dans le chat")
    dialog.get_by_label("En quels termes").fill("Oui, envoyez-la-moi.")
    dialog.get_by_role("button", name="Enregistrer").click()
    expect(consents.locator(".value")).to_have_text("lettre d’information · E-mail · Donné")
    consents.get_by_role("button", name="Retirer").click()
    dialog.get_by_label("Où cela a été dit").fill("au téléphone")
    accessible(page)
    shot(page, "customers-consent")
    dialog.get_by_role("button", name="Enregistrer").click()
    expect(consents.locator(".value")).to_have_text("lettre d’information · E-mail · Retiré")
    expect(page.locator(".event.is-consent")).to_have_count(2)
    assert [row["state"] for row in shop.anna.desk("GET", f"/contacts/{visitor.contact['id']}/consents")["history"]] == ["withdrawn", "given"]


@pytest.mark.parametrize("lang,dark", LOOKS)
def test_the_looks_of_customers(shop, people, lang, dark):
    made = fill(shop, lang)
    mark = f"{lang}-{'dark' if dark else 'light'}"
    settings = {"locale": "fr-FR" if lang == "fr" else "en-GB", "dark": dark, "reduced_motion": "reduce"}
    julie = made["Julie Martin"].contact["id"]
    company = shop.anna.desk("GET", f"/contacts/{julie}")["company_id"]
    for size, viewport in SIZES.items():
        page = people.page(**settings, viewport=viewport)
        Console(page, shop, lang).sign_in()
        for name, hash, ready in (("list", "#/customers", ".customers .items .name"), ("profile", f"#/customers/{julie}", ".profile .event"), ("company", f"#/companies/{company}", ".profile.company .links a"),
                                  ("attributes", "#/admin/attributes/tier", ".edit textarea"), ("panel", f"#/all/{made['Julie Martin'].conversation}", ".timeline[aria-busy=false]")):
            page.goto(f"{shop.server.base}/desk{hash}")
            expect(page.locator(ready).first).to_be_attached()
            page.mouse.move(viewport["width"] / 2, 2)
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
