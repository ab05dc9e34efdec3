"""Mail, single sign-on and password reset against real counterparts: aiosmtpd as mail server, oidc-provider-mock as OpenID Connect provider."""

from __future__ import annotations

import email
import email.policy
import html
import json
import pathlib
import re
import ssl
import subprocess
import tempfile
import time
import uuid
from urllib.parse import parse_qs, urlsplit

import flask
import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, SMTP
from authlib import jose
from oidc_provider_mock import User, run_server_in_thread

from browser import accessible, shot
from server import Server, free_port

V3 = "/_matrix/client/v3"


class Mailbox:
    """What the mail server has taken."""

    def __init__(self):
        self.mails: list[email.message.EmailMessage] = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 taken"

    def wait(self, count: int, seconds: float = 15) -> email.message.EmailMessage:
        end = time.monotonic() + seconds
        while len(self.mails) < count:
            assert time.monotonic() < end, f"{len(self.mails)} of {count} mails came"
            time.sleep(0.05)
        return self.mails[count - 1]


class LocalController(Controller):
    def factory(self):
        return SMTP(self.handler, **self.SMTP_kwargs)


@pytest.fixture(scope="module")
def certificate():
    with tempfile.TemporaryDirectory() as directory:
        key, cert = pathlib.Path(directory) / "key.pem", pathlib.Path(directory) / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost"],
                       check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        yield context


def mail_server(mailbox: Mailbox, port: int, context: ssl.SSLContext) -> LocalController:
    """Takes mail only over STARTTLS, and only from who signs in."""

    def authenticate(server, session, envelope, mechanism, data):
        return AuthResult(success=data.login == b"comptoir" and data.password == b"s p=ss")

    return LocalController(mailbox, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True, auth_required=True, authenticator=authenticate)


def mail_settings(port: int) -> str:
    return f"smtp_url = smtp://127.0.0.1:{port}\nsmtp_user = comptoir\nsmtp_password = s p=ss\nmail_from = Le Comptoir é <help@shop.example>\n"


def link_of(mail: email.message.EmailMessage) -> str:
    return re.search(r"http\S+", mail.get_content()).group(0)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_an_address_registers_and_resets_its_password(certificate, language):
    mailbox, port = Mailbox(), free_port()
    smtp = mail_server(mailbox, port, certificate)
    smtp.start()
    try:
        with Server(config=mail_settings(port)) as server, httpx.Client(base_url=server.base, headers={"Accept-Language": language}) as client:
            def ask(path, secret):
                answer = client.post(f"{V3}/{path}/email/requestToken", json={"client_secret": secret, "email": "Bob@Example.org", "send_attempt": 1})
                assert answer.status_code == 200, answer.text
                return {"sid": answer.json()["sid"], "client_secret": secret}

            session = client.post(f"{V3}/register", json={"username": "bob", "password": "correct horse"}).json()["session"]
            proof = ask("register", "one")
            mail = mailbox.wait(1)
            assert mail["To"] == "bob@example.org" and mail["From"] == "Le Comptoir é <help@shop.example>"
            assert ("Confirmez votre adresse" if language == "fr" else "Confirm your e-mail address") in mail["Subject"]
            page = httpx.get(link_of(mail), headers={"Accept-Language": language})
            assert page.status_code == 200 and ("Adresse confirmée" if language == "fr" else "Address confirmed") in page.text
            auth = {"type": "m.login.email.identity", "session": session, "threepid_creds": proof}
            token = client.post(f"{V3}/register", json={"auth": auth}).raise_for_status().json()["access_token"]
            contacts = client.get(f"{V3}/account/3pid", headers={"Authorization": f"Bearer {token}"}).json()["threepids"]
            assert [c["address"] for c in contacts] == ["bob@example.org"]

            proof = ask("account/password", "two")
            page = httpx.get(link_of(mailbox.wait(2)), headers={"Accept-Language": language})
            fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
            assert httpx.post(server.base + "/_comptoir/email/confirm", data={k: html.unescape(v) for k, v in fields.items()}).status_code == 200
            auth = {"type": "m.login.email.identity", "threepid_creds": proof}
            assert client.post(f"{V3}/account/password", json={"new_password": "a better horse", "auth": auth}).status_code == 200
            assert client.get(f"{V3}/account/whoami", headers={"Authorization": f"Bearer {token}"}).status_code == 401
            who = {"type": "m.id.thirdparty", "medium": "email", "address": "bob@example.org"}
            assert client.post(f"{V3}/login", json={"type": "m.login.password", "identifier": who, "password": "a better horse"}).json()["user_id"] == f"@bob:{server.name}"
            assert not server.crashed()
    finally:
        smtp.stop()


def test_a_mail_outlives_a_crash_and_a_mail_server_that_is_down(certificate):
    mailbox, port = Mailbox(), free_port()
    with Server(config=mail_settings(port)) as server:
        answer = httpx.post(f"{server.base}{V3}/register/email/requestToken", json={"client_secret": "x", "email": "bob@example.org", "send_attempt": 1},
                            headers={"Host": "evil.example"})    # where a link leads is not for the one to say who asks for the mail
        assert answer.status_code == 200
        server.kill()
        smtp = mail_server(mailbox, port, certificate)
        smtp.start()
        try:
            server.start()
            assert link_of(mailbox.wait(1, seconds=30)).startswith(server.base + "/")
        finally:
            smtp.stop()


def sign_in(server: Server, browser: httpx.Client, subject: str, address: str, redirect: str = "https://app.example/?x=1") -> httpx.Response:
    """What a browser does; gives the page at the end."""
    answer = browser.get(address, params={"redirectUrl": redirect} if redirect else None)
    if answer.status_code == 200:   # a page of ours that leads on
        answer = browser.get(html.unescape(re.search(r'href="([^"]+)"', answer.text).group(1)))
    else:
        assert answer.status_code == 302, answer.text
        answer = browser.get(answer.headers["Location"])
    assert answer.status_code == 200, answer.text
    answer = browser.post(str(answer.url), data={"sub": subject})
    assert answer.status_code == 302, answer.text
    return browser.get(answer.headers["Location"])


def test_openid_connect_signs_in(tmp_path):
    people = [User(sub="u-1", claims={"preferred_username": "Zoé", "name": "Zoé Martin", "email": "zoe@example.org"})]
    with run_server_in_thread(user_claims=people) as provider:
        issuer = f"http://localhost:{provider.server_port}"
        path = tmp_path / "work.json"
        path.write_text(json.dumps({"id": "work", "name": "Work", "issuer": issuer, "client_id": "comptoir", "client_secret": "se:cret"}))
        with Server(config=f"oidc_providers = {path}\n") as server, httpx.Client(base_url=server.base) as client:
            flows = client.get(f"{V3}/login").json()["flows"]
            assert {"type": "m.login.sso", "identity_providers": [{"id": "work", "name": "Work"}]} in flows

            def token_of(page: httpx.Response) -> str:
                assert page.status_code == 200, page.text
                link = html.unescape(re.search(r'href="([^"]+)"', page.text).group(1))
                assert link.startswith("https://app.example/?x=1&loginToken=")
                return parse_qs(urlsplit(link).query)["loginToken"][0]

            start = f"{server.base}{V3}/login/sso/redirect/work"
            with httpx.Client() as browser:
                page = sign_in(server, browser, "u-1", start)
                assert "https://app.example" in page.text
                first = client.post(f"{V3}/login", json={"type": "m.login.token", "token": token_of(page)}).raise_for_status().json()
                again = browser.get(str(page.url))
                assert again.status_code == 400, "an answer is taken once"
                second = client.post(f"{V3}/login", json={"type": "m.login.token", "token": token_of(sign_in(server, browser, "u-1", start))}).json()
                assert second["user_id"] == first["user_id"] == f"@zo=c3=a9:{server.name}"
                name = client.get(f"{V3}/profile/{first['user_id']}/displayname").json()["displayname"]
                assert name == "Zoé Martin"

                # Somebody else's answer in this browser: the cookie is another.
                with httpx.Client() as other:
                    answer = other.get(start, params={"redirectUrl": "https://app.example/"})
                    stolen = other.post(str(other.get(answer.headers["Location"]).url), data={"sub": "u-1"}).headers["Location"]
                assert browser.get(stolen).status_code == 400

                # Proof for a change of the account.
                headers = {"Authorization": f"Bearer {first['access_token']}"}
                challenge = client.request("DELETE", f"{V3}/devices/{second['device_id']}", headers=headers, json={})
                assert challenge.status_code == 401 and challenge.json()["flows"] == [{"stages": ["m.login.sso"]}]
                session = challenge.json()["session"]
                page = sign_in(server, browser, "u-1", f"{server.base}{V3}/auth/m.login.sso/fallback/web?session={session}", redirect="")
                assert "authDone" in page.text and "sha256-" in page.headers["Content-Security-Policy"]
                assert client.request("DELETE", f"{V3}/devices/{second['device_id']}", headers=headers, json={"auth": {"session": session}}).status_code == 200

            # A second person who would have the same name gets one of his own.
            with httpx.Client() as browser:
                httpx.put(f"{issuer}/users/u-2", json={"preferred_username": "Zoé"}).raise_for_status()
                third = client.post(f"{V3}/login", json={"type": "m.login.token", "token": token_of(sign_in(server, browser, "u-2", start))}).json()
                assert third["user_id"] == f"@zo=c3=a92:{server.name}"
            assert not server.crashed()


def logout_token(provider, issuer: str, **claims) -> str:
    """A logout token, signed by the provider's own key. The provider itself sends none."""
    with provider.app.test_request_context("/"):
        provider.app.preprocess_request()
        key = flask.g.oidc_provider_mock_storage.jwk
        now = int(time.time())
        body = {"iss": issuer, "aud": "comptoir", "iat": now, "exp": now + 120, "jti": uuid.uuid4().hex, "events": {"http://schemas.openid.net/event/backchannel-logout": {}}}
        return jose.jwt.encode({"alg": "RS256", "typ": "logout+jwt"}, body | claims, key).decode()


def test_the_provider_ends_the_sessions_that_came_from_it(tmp_path):
    people = [User(sub="u-1", claims={"preferred_username": "zoe", "sid": "s-1"})]
    with run_server_in_thread(user_claims=people) as provider:
        issuer = f"http://localhost:{provider.server_port}"
        path = tmp_path / "work.json"
        path.write_text(json.dumps({"id": "work", "name": "Work", "issuer": issuer, "client_id": "comptoir", "client_secret": "secret"}))
        with Server(config=f"oidc_providers = {path}\n") as server, httpx.Client(base_url=server.base) as client:
            def session() -> dict:
                with httpx.Client() as browser:
                    page = sign_in(server, browser, "u-1", f"{server.base}{V3}/login/sso/redirect/work")
                token = parse_qs(urlsplit(html.unescape(re.search(r'href="([^"]+)"', page.text).group(1))).query)["loginToken"][0]
                return client.post(f"{V3}/login", json={"type": "m.login.token", "token": token}).raise_for_status().json()

            def is_in(session: dict) -> bool:
                return client.get(f"{V3}/account/whoami", headers={"Authorization": f"Bearer {session['access_token']}"}).status_code == 200

            def logout(token: str) -> httpx.Response:
                return client.post("/_comptoir/oidc/logout", data={"logout_token": token})

            phone = session()
            httpx.put(f"{issuer}/users/u-1", json={"preferred_username": "zoe", "sid": "s-2"}).raise_for_status()
            tablet = session()
            assert is_in(phone) and is_in(tablet)
            refused = logout(logout_token(provider, issuer, aud="another", sub="u-1"))
            assert refused.status_code == 400 and refused.json()["error"] == "invalid_request"
            assert logout(logout_token(provider, issuer, sub="u-1", nonce="n")).status_code == 400
            assert is_in(phone)
            first = logout_token(provider, issuer, sid="s-1")
            answer = logout(first)
            assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
            assert not is_in(phone) and is_in(tablet)
            server.kill()
            server.start()
            assert logout(first).status_code == 400, "a token serves once, also after a crash"
            assert logout(logout_token(provider, issuer, sub="u-1")).status_code == 200
            assert not is_in(tablet)
            assert not server.crashed()


def test_a_provider_that_is_not_there_is_an_error_and_a_bad_file_stops_the_start(tmp_path):
    path = tmp_path / "work.json"
    path.write_text(json.dumps({"id": "work", "issuer": f"http://localhost:{free_port()}", "client_id": "c"}))
    with Server(config=f"oidc_providers = {path}\n") as server:
        assert httpx.get(f"{server.base}{V3}/login/sso/redirect", params={"redirectUrl": "https://app.example/"}).status_code == 502
    path.write_text("{}")
    with pytest.raises(RuntimeError, match="oidc_providers is not valid"):
        Server(config=f"oidc_providers = {path}\n").start()


def test_what_stays_unread_is_mailed_once_across_a_crash_and_ends_by_one_click(certificate, people):
    mailbox, port = Mailbox(), free_port()
    smtp = mail_server(mailbox, port, certificate)
    smtp.start()
    try:
        with Server(config=mail_settings(port) + "mail_notification_delay = 1s\n") as server:
            ada, bob = server.register("ada"), server.register("bob")
            proof = bob.call("POST", f"{V3}/account/3pid/email/requestToken", {"client_secret": "one", "email": "bob@example.org", "send_attempt": 1})
            assert httpx.get(link_of(mailbox.wait(1))).status_code == 200
            auth = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "bob"}, "password": bob.password}
            bob.call("POST", f"{V3}/account/3pid/add", {"sid": proof["sid"], "client_secret": "one", "auth": auth})
            pusher = {"kind": "email", "app_id": "m.email", "pushkey": "bob@example.org", "app_display_name": "Mail", "device_display_name": "Bob", "lang": "fr", "data": {}}
            refused = bob.call("POST", f"{V3}/pushers/set", pusher | {"pushkey": "eve@example.org"}, expect=400)
            assert refused["errcode"] == "M_THREEPID_NOT_FOUND"
            bob.call("POST", f"{V3}/pushers/set", pusher)

            room = ada.create_room(preset="public_chat", name="Épicerie")
            bob.join(room)
            ada.send(room, "Les œufs sont <b>frais</b> ?")
            server.kill()    # nothing is mailed yet, and only the database knows that something will be
            server.start()
            mail = mailbox.wait(2)
            assert mail["To"] == "bob@example.org" and mail["Subject"].startswith("Message non lu de ada")
            plain, rich = mail.get_body(("plain",)).get_content(), mail.get_body(("html",)).get_content()
            assert "Épicerie" in plain and "Les œufs sont <b>frais</b> ?" in plain and "Les œufs sont &lt;b&gt;frais&lt;/b&gt; ?" in rich
            stop = mail["List-Unsubscribe"].strip("<>")
            assert stop.startswith(server.base) and stop in plain and mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

            server.kill()    # what has been mailed is not mailed again
            server.start()
            read = ada.send(room, "lu")
            bob.call("POST", f"{V3}/rooms/{room}/receipt/m.read/{read}", {})
            ada.send(room, "pas lu")
            last = mailbox.wait(3).get_body(("plain",)).get_content()
            assert "pas lu" in last and "œufs" not in last

            page = httpx.get(stop, headers={"Accept-Language": "fr"})
            assert page.status_code == 200 and "Voulez-vous" in page.text
            # A person follows the link and presses the button; a mail program asks without showing the page.
            for device, dark, locale in (("desktop", False, "fr-FR"), ("desktop", True, "en-GB"), ("phone", False, "en-GB"), ("phone", True, "fr-FR")):
                screen = people.page(device, dark, locale)
                screen.goto(stop)
                name = f"unsubscribe-{device}-{'dark' if dark else 'light'}-{locale[:2]}"
                accessible(screen)
                shot(screen, name)
                assert len(bob.call("GET", f"{V3}/pushers")["pushers"]) == 1
                screen.get_by_role("button", name="Ne plus en recevoir" if locale == "fr-FR" else "Stop them").click()
                screen.get_by_role("heading", name="C’est fait" if locale == "fr-FR" else "Done").wait_for()
                accessible(screen)
                shot(screen, name + "-done")
                assert bob.call("GET", f"{V3}/pushers")["pushers"] == []
                bob.call("POST", f"{V3}/pushers/set", pusher)
            assert httpx.post(stop, data={"List-Unsubscribe": "One-Click"}).status_code == 200
            assert bob.call("GET", f"{V3}/pushers")["pushers"] == []
            ada.send(room, "personne ne le saura")
            time.sleep(2.5)
            assert len(mailbox.mails) == 3
            assert not server.crashed()
    finally:
        smtp.stop()
