"""Customers rate, and supervisors read reports: as both do it in a browser."""

from __future__ import annotations

import re
import time
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from browser import accessible, shot
from desk import SIZES, Console
from server import free_port
from shop import Chat, Shop, until
from test_identity import Mailbox, certificate, mail_server, mail_settings  # noqa: F401



@pytest.fixture
def shop():
    with Shop() as shop:
        yield shop
        assert not shop.crashed(), shop.tail()


def console(people, shop, at: str = "", lang: str = "fr", **options):
    return Console(people.page(locale="fr-FR" if lang == "fr" else "en-GB", **options), shop, lang).sign_in("anna", "password of anna", at)


def served(shop, chat, text: str = "Ma lampe ne s’allume pas") -> str:
    """Writes, is answered, and is done with."""
    chat.write(text)
    conversation = until(lambda: next((c for c in shop.anna.conversations() if (c["last_message"] or {}).get("preview") == text), None), "the conversation")["id"]
    shop.anna.say(conversation, "Essayez une autre ampoule.")
    shop.anna.desk("PUT", f"/conversations/{conversation}/status", {"status": "resolved"})
    return conversation


def test_a_customer_rates_and_changes_his_mind(shop, people):
    # the administrator asks for it
    desk = console(people, shop, f"#/admin/inboxes/{shop.inbox['id']}", viewport=SIZES["desktop"])
    page = desk.page
    page.get_by_role("button", name="Configurer…").click()
    form = page.locator("dialog .edit")
    form.get_by_text("Demander l’avis des clients").click()
    form.get_by_label("Question en français").fill("Alors, content ?")
    accessible(page)
    form.get_by_role("button", name="Enregistrer").click()
    expect(form.get_by_role("status")).to_have_text("Enregistré.")
    page.keyboard.press("Escape")
    assert shop.anna.desk("GET", f"/inboxes/{shop.inbox['id']}/survey")["active"]
    # a customer is served, and asked
    customer = people.page("phone", locale="fr-FR")
    customer.goto(shop.site.page(lang="fr"))
    chat = Chat(customer, "fr").open()
    conversation = served(shop, chat)
    expect(chat.raw.locator(".msg .bubble").last).to_have_text("Alors, content ?")
    survey = chat.raw.locator(".survey")
    expect(survey.get_by_role("radio")).to_have_count(5)
    accessible(customer)
    shot(customer, "survey-asked")
    # by the keyboard
    survey.get_by_role("radio", name="Très mauvais").focus()
    for _ in range(3):
        customer.keyboard.press("ArrowRight")
    expect(survey.get_by_role("radio", name="Bien", exact=True)).to_be_checked()
    survey.get_by_role("textbox").fill("Rapide et clair")
    accessible(customer)
    shot(customer, "survey-chosen")
    survey.get_by_role("button", name="Envoyer").click()
    expect(survey).to_contain_text("Merci pour votre note !")
    assert shop.anna.desk("GET", f"/conversations/{conversation}")["rating"]["score"] == 4
    # he comes back and changes it
    customer.reload()
    chat = Chat(customer, "fr").open()
    survey = chat.raw.locator(".survey")
    expect(survey).to_contain_text("Merci pour votre note !")
    survey.get_by_role("button", name="Modifier").click()
    survey.locator("label").last.click()
    survey.get_by_role("button", name="Envoyer").click()
    expect(survey.locator(".given")).to_contain_text("😀")
    until(lambda: shop.anna.desk("GET", f"/conversations/{conversation}")["rating"]["score"] == 5, "the change")
    # the desk shows it: in the conversation, beside the customer, and nothing was opened again
    page.goto(f"{shop.base}/desk?lang=fr#/resolved/{conversation}")
    expect(page.locator(".timeline")).to_contain_text("Rapide et clair")
    expect(page.locator(".timeline .stars").last).to_have_text("★★★★★")
    expect(page.locator(".customer")).to_contain_text("Dernière note")
    accessible(page)
    shot(page, "rating-in-the-desk")
    # what he writes then is a message again
    chat.write("Autre chose")
    expect(chat.raw.locator(".survey")).to_have_count(0)
    until(lambda: shop.anna.desk("GET", f"/conversations/{conversation}")["status"] == "open", "the conversation is open again")


@pytest.mark.parametrize("scale", ["stars", "nps"])
def test_other_scales(shop, people, scale):
    shop.anna.desk("PUT", f"/inboxes/{shop.inbox['id']}/survey", {"active": True, "scale": scale})
    page = people.page(locale="en-GB", dark=True)
    page.goto(shop.site.page(lang="en"))
    chat = Chat(page).open()
    conversation = served(shop, chat, "My lamp is broken")
    survey = chat.raw.locator(".survey")
    expect(survey.get_by_role("radio")).to_have_count(5 if scale == "stars" else 11)
    survey.locator("label").filter(has_text="3 of 5 stars" if scale == "stars" else "8 out of 10").click()
    expect(survey.get_by_role("radio", name="3 of 5 stars" if scale == "stars" else "8 out of 10")).to_be_checked()
    accessible(page)
    shot(page, f"survey-{scale}")
    survey.get_by_role("button", name="Send").click()
    expect(survey).to_contain_text("Thank you for your rating!")
    assert shop.anna.desk("GET", f"/conversations/{conversation}")["rating"]["score"] == (3 if scale == "stars" else 8)


def test_a_survey_is_sent_once_over_kills(shop):
    """The server is killed between the resolution and the moment at which the customer is to be asked, and again right after."""
    shop.anna.desk("PUT", f"/inboxes/{shop.inbox['id']}/survey", {"active": True, "delay": 1})
    visitor = shop.register()
    answer = visitor.call("POST", "/_comptoir/widget/v1/session", {"inbox": shop.inbox["key"], "lang": "fr"}, token=False)
    visitor.token = answer["access_token"]
    said = visitor.call("POST", "/_comptoir/widget/v1/conversations", {"inbox": shop.inbox["key"], "txn_id": "a", "lang": "fr", "content": {"msgtype": "m.text", "body": "bonjour"}})
    shop.anna.say(said["conversation_id"], "voilà")
    shop.anna.desk("PUT", f"/conversations/{said['conversation_id']}/status", {"status": "resolved"})

    def asked() -> int:
        chunk = visitor.call("GET", f"/_matrix/client/v3/rooms/{said['room_id']}/messages", params={"dir": "f", "limit": 100})["chunk"]
        return sum("comptoir.survey" in event["content"] for event in chunk)

    for _ in range(2):
        shop.kill()
        shop.start()
    until(lambda: asked() == 1, "the survey")
    shop.kill()
    shop.start()
    time.sleep(3)
    assert asked() == 1


def fill(shop, people) -> None:
    """A few customers with all that reports tell of."""
    shop.anna.desk("PUT", f"/inboxes/{shop.inbox['id']}/survey", {"active": True})
    shop.anna.desk("POST", "/sla-policies", {"name": "Usual", "first_response": 600, "resolution": 7200})
    karim = shop.agent("karim", "Karim")
    team = shop.anna.desk("POST", "/teams", {"name": "Retours", "members": [karim.id]}, expect=201)["id"]
    for n in range(9):
        visitor = shop.register()
        answer = visitor.call("POST", "/_comptoir/widget/v1/session", {"inbox": shop.inbox["key"], "lang": "fr"}, token=False)
        visitor.token = answer["access_token"]
        said = visitor.call("POST", "/_comptoir/widget/v1/conversations", {"inbox": shop.inbox["key"], "txn_id": "a", "lang": "fr", "content": {"msgtype": "m.text", "body": f"bonjour {n}"}})
        path = f"/conversations/{said['conversation_id']}"
        shop.anna.desk("PATCH", f"/contacts/{answer['contact']['id']}", {"name": f"Client {n}"})
        shop.anna.desk("PUT", path + "/tags", {"tags": ["retour" if n % 2 else "livraison"]})
        if n % 3 == 0:
            shop.anna.desk("PUT", path + "/team", {"team": team})
        if n == 8:
            continue
        (karim if n % 2 else shop.anna).say(said["conversation_id"], "voilà")
        if n < 7:
            shop.anna.desk("PUT", path + "/status", {"status": "resolved"})
            survey = visitor.call("GET", "/_comptoir/widget/v1/rating")["survey"]
            visitor.call("PUT", "/_comptoir/widget/v1/rating", {"survey": survey["id"], "score": (5, 4, 2)[n % 3]})


def test_reports_and_what_is_behind_their_numbers(shop, people):
    fill(shop, people)
    desk = console(people, shop)
    page = desk.page
    page.locator(".rail").get_by_role("link", name="Rapports").click()
    tile = page.locator(".numbers button[data-key=opened]")
    expect(tile.locator(".value")).to_have_text("9")
    expect(page.locator(".reports")).to_contain_text("Conversations ouvertes pendant la période")
    page.get_by_role("link", name="Satisfaction").click()
    expect(page.locator(".numbers button[data-key=satisfied] .value")).to_have_text(re.compile(r"71,4\s*%"))
    page.locator(".numbers button[data-key=score_2]").click()
    rows = page.locator("dialog .behind button")
    expect(rows).to_have_count(2)
    accessible(page)
    rows.first.click()
    expect(page.locator(".timeline .stars")).to_have_text("★★☆☆☆")
    page.go_back()
    # by the keyboard alone: the table behind the chart leads to the same lists
    page.get_by_role("link", name="Volume").click()
    expect(tile.locator(".value")).to_have_text("9")
    page.locator("summary", has_text="Le graphique sous forme de tableau").focus()
    page.keyboard.press("Enter")
    last = page.locator("details table").get_by_role("button").last
    last.focus()
    page.keyboard.press("Enter")
    expect(page.locator("dialog .behind button")).to_have_count(9)
    page.keyboard.press("Escape")
    # by team, and only one agent's
    page.locator("section .head label select").select_option("team")
    expect(page.locator("section table").last).to_contain_text("Retours")
    page.locator(".asked label:has(> span:text-is('Agent')) select").select_option(label="Karim")
    expect(page).to_have_url(re.compile("agent%3D|agent="))
    his = next(row for row in shop.anna.desk("GET", "/reports/volume/groups", params={"group": "agent"})["items"] if row["name"] == "Karim")["values"]["opened"]
    assert 0 < his < 9
    expect(tile.locator(".value")).to_have_text(str(his))
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Télécharger en CSV").click()
    lines = waiting.value.path().read_text().splitlines()
    assert lines[0].startswith("conversation,case,inbox") and len(lines) == 1 + his
    # the log says the same
    page.locator("summary", has_text="Recalculer").click()
    page.get_by_role("button", name="Recalculer").click()
    expect(page.locator(".recount")).to_contain_text("chaque nombre est conforme au journal", timeout=15_000)


def test_the_pages_of_reports(shop, people):
    fill(shop, people)
    for lang, dark in (("fr", False), ("en", True)):
        for size, viewport in SIZES.items():
            desk = console(people, shop, "#/reports/volume/range%3Dlast7", lang, dark=dark, reduced_motion="reduce", viewport=viewport)
            page = desk.page
            for metric in ("volume", "first_response", "sla", "csat"):
                page.goto(f"{shop.base}/desk?lang={lang}#/reports/{metric}/range%3Dlast7")
                expect(page.locator(".chart svg")).to_be_visible()
                expect(page.locator("section table").last).to_be_visible()
                if metric in ("volume", "csat"):
                    accessible(page)
                shot(page, f"reports-{metric}-{size}-{lang}-{'dark' if dark else 'light'}")
            page.goto(f"{shop.base}/desk?lang={lang}#/admin/inboxes/{shop.inbox['id']}")
            page.get_by_role("button", name="Configurer…" if lang == "fr" else "Set up…").click()
            expect(page.locator("dialog .edit")).to_be_visible()
            shot(page, f"reports-survey-{size}-{lang}-{'dark' if dark else 'light'}")
            page.close()


def test_the_wallboard_lives(shop, people):
    karim = shop.agent("karim", "Karim")
    desk = console(people, shop)
    page = desk.page
    page.locator(".rail").get_by_role("link", name="Tableau mural").click()
    waiting = page.locator(".wall .bigs dd").first
    expect(waiting).to_have_text("0")
    expect(page.locator(".wall")).to_contain_text("Personne n’attend.")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/wallboard" in request.url else None)
    customers = []
    for n in range(4):
        visitor = shop.register()
        answer = visitor.call("POST", "/_comptoir/widget/v1/session", {"inbox": shop.inbox["key"], "lang": "fr"}, token=False)
        visitor.token = answer["access_token"]
        customers.append(visitor.call("POST", "/_comptoir/widget/v1/conversations", {
            "inbox": shop.inbox["key"], "txn_id": "a", "lang": "fr", "content": {"msgtype": "m.text", "body": f"secret {n}"}})["conversation_id"])
    expect(waiting).to_have_text("4", timeout=8000)
    expect(page.locator(".wall .line li")).to_have_count(4)
    expect(page.locator(".wall .people")).to_contain_text("Karim")
    assert "secret" not in page.locator(".wall").inner_text()
    karim.say(customers[0], "me voici")
    expect(page.locator(".wall .line li")).to_have_count(3, timeout=8000)
    assert len(asked) <= 6, asked                      # at most one question in two seconds, however much happens
    accessible(page)


def test_the_pages_of_the_wallboard(shop, people):
    fill(shop, people)
    for lang, dark in (("fr", False), ("en", True)):
        for size, viewport in SIZES.items():
            desk = console(people, shop, "#/wallboard", lang, dark=dark, reduced_motion="reduce", viewport=viewport)
            expect(desk.page.locator(".wall .line li")).not_to_have_count(0)
            accessible(desk.page)
            shot(desk.page, f"wallboard-{size}-{lang}-{'dark' if dark else 'light'}")
            desk.page.close()


def test_a_report_by_mail_outlives_crashes(certificate, people):
    """It is set up in the console, asked for while the mail server is down and the server dies, and comes once, with its numbers."""
    mailbox, port = Mailbox(), free_port()
    with Shop(config=mail_settings(port)) as shop:
        shop.anna.desk("PATCH", f"/agents/{quote(shop.anna.id)}", {"email": "anna@example.org"})
        fill(shop, people)
        desk = console(people, shop, "#/reports/volume")
        page = desk.page
        page.get_by_role("button", name="Nouvel envoi").click()
        form = page.locator("dialog .edit")
        form.get_by_label("Nom", exact=True).fill("Chaque lundi")
        form.get_by_label("Heure").fill("7")
        accessible(page)
        shot(page, "report-mail-form")
        form.get_by_role("button", name="Créer").click()
        expect(page.locator(".reports")).to_contain_text("Chaque lundi")
        accessible(page)
        made = shop.anna.desk("GET", "/report-mails")["items"][0]
        assert (made["cadence"], made["weekday"], made["hour"], made["recipients"]) == ("weekly", 0, 7, [shop.anna.id])
        page.close()
        shop.anna.desk("POST", f"/report-mails/{made['id']}/test")
        shop.kill()
        smtp = mail_server(mailbox, port, certificate)
        smtp.start()
        try:
            shop.start()
            mail = mailbox.wait(1, seconds=40)
            text = mail.get_body(("plain",)).get_content()
            assert mail["To"] == "anna@example.org" and mail["Subject"].startswith("Chaque lundi · ")
            assert "Conversations ouvertes:" in text and "Client " not in text
            assert "<table" in mail.get_body(("html",)).get_content()
            shop.kill()
            shop.start()
            time.sleep(3)
            assert len(mailbox.mails) == 1
        finally:
            smtp.stop()
