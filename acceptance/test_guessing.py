"""Whoever guesses is slowed down: passwords, tokens, codes, by account and by address. Each limit has a test that fails when it is gone."""

from __future__ import annotations

import hashlib
import hmac
import itertools

import httpx
import pytest

from server import Server

V3 = "/_matrix/client/v3"
# Limits are on, and the proxy that the tests play may say where a request comes from.
FLAGS = ("--open-registration", "--cheap-password-hashing", "--registration-secret", "right")
PASSWORD = "correct horse battery"
_hosts = itertools.count(1)


@pytest.fixture(scope="module")
def guarded():
    with Server(*FLAGS, test_flags=False, config="trusted_proxies = 127.0.0.1\n") as server:
        yield server


def address() -> str:
    """One that nobody has used yet."""
    n = next(_hosts)
    return f"198.51.{n // 250}.{n % 250 + 1}"


class From:
    """A client at an address."""

    def __init__(self, server: Server, host: str | None = None):
        self.client = httpx.Client(base_url=server.base, headers={"X-Forwarded-For": host or address()}, timeout=30)

    def __call__(self, method: str, path: str, body=None, token: str | None = None, **options) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.client.request(method, path, json=body, headers=headers, **options)


def register(server: Server, name: str) -> str:
    answer = From(server)("POST", f"{V3}/register", {"username": name, "password": PASSWORD, "auth": {"type": "m.login.dummy"}})
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def login(who: From, name: str, password: str) -> httpx.Response:
    return who("POST", f"{V3}/login", {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": name}, "password": password})


def stopped(answer: httpx.Response) -> bool:
    if answer.status_code != 429:
        return False
    body = answer.json()
    assert body.get("errcode") == "M_LIMIT_EXCEEDED" and body["retry_after_ms"] > 0 or body.get("type", "").endswith("limited") or "problem" in answer.headers["content-type"], answer.text
    return True


def until_stopped(most: int, attempt, least: int = 1) -> int:
    """How many attempts were let through. At most `most`, at least `least`."""
    for number in range(most + 1):
        if stopped(attempt(number)):
            assert number >= least
            return number
    raise AssertionError(f"{most + 1} attempts were let through")


def test_passwords_of_one_account_from_many_addresses(guarded):
    register(guarded, "target")
    register(guarded, "other")
    assert until_stopped(15, lambda n: login(From(guarded), "target", f"wrong {n}")) >= 5
    # The limit is the account's: the right password waits as well, and nobody else does.
    assert stopped(login(From(guarded), "target", PASSWORD))
    assert login(From(guarded), "other", PASSWORD).status_code == 200


def test_passwords_of_many_accounts_from_one_address(guarded):
    here = From(guarded)
    assert until_stopped(15, lambda n: login(here, f"nobody{n}", PASSWORD)) >= 5
    register(guarded, "bystander")
    assert stopped(login(here, "bystander", PASSWORD))
    assert login(From(guarded), "bystander", PASSWORD).status_code == 200


def test_an_ipv6_network_is_one_address(guarded):
    """Everybody has 2^64 addresses there."""
    assert until_stopped(15, lambda n: login(From(guarded, f"2a01:4f8:1:2::{n + 1:x}"), f"nobody{n}", PASSWORD)) >= 5
    assert stopped(login(From(guarded, "2a01:4f8:1:2:ffff:ffff:ffff:ffff"), "nobody", PASSWORD))
    assert not stopped(login(From(guarded, "2a01:4f8:1:3::1"), "nobody", PASSWORD))


def test_an_address_cannot_be_invented():
    """Without a trusted proxy the header says nothing."""
    with Server(*FLAGS, test_flags=False) as server:
        assert until_stopped(15, lambda n: login(From(server), f"nobody{n}", PASSWORD)) >= 5


def test_the_password_asked_for_again(guarded):
    """Somebody who has a token does not find the password with it."""
    token = register(guarded, "borrowed")

    def attempt(n: int) -> httpx.Response:
        return From(guarded)("POST", f"{V3}/account/deactivate", {"auth": {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "borrowed"}, "password": f"wrong {n}"}}, token)

    assert until_stopped(15, attempt) >= 5
    assert stopped(attempt(99))


def test_accounts_are_made_slowly(guarded):
    here = From(guarded)
    assert until_stopped(15, lambda n: here("POST", f"{V3}/register", {"username": f"flood{n}", "password": PASSWORD, "auth": {"type": "m.login.dummy"}})) >= 5


def test_whether_names_are_taken_is_asked_slowly(guarded):
    here = From(guarded)
    until_stopped(15, lambda n: here("GET", f"{V3}/register/available", params={"username": f"name{n}"}))


def test_registration_tokens(guarded):
    here = From(guarded)
    until_stopped(15, lambda n: here("GET", "/_matrix/client/v1/register/m.login.registration_token/validity", params={"token": f"guess{n}"}))
    # And as the stage of a registration, with a new session each time.
    with Server("--cheap-password-hashing", test_flags=False, config="trusted_proxies = 127.0.0.1\n") as closed:
        there = From(closed)
        until_stopped(15, lambda n: there("POST", f"{V3}/register", {"username": f"x{n}", "password": PASSWORD, "auth": {"type": "m.login.registration_token", "token": f"guess{n}"}}))


def test_the_registration_secret(guarded):
    here = From(guarded)

    def attempt(n: int) -> httpx.Response:
        answer = here("GET", "/_synapse/admin/v1/register")
        if answer.status_code != 200:
            return answer
        nonce = answer.json()["nonce"]
        mac = hmac.new(f"wrong{n}".encode(), f"{nonce}\0a{n}\0{PASSWORD}\0admin".encode(), hashlib.sha1).hexdigest()
        answer = here("POST", "/_synapse/admin/v1/register", {"nonce": nonce, "username": f"a{n}", "password": PASSWORD, "admin": True, "mac": mac})
        assert answer.status_code in (403, 429)
        return answer

    until_stopped(15, attempt)


def test_access_tokens(guarded):
    """Guessing one costs a look into the database: an address may be wrong some dozen times, then it waits. Who is signed in there does not."""
    token, here = register(guarded, "inside"), From(guarded)
    assert here("GET", f"{V3}/account/whoami", token=token).status_code == 200
    tried = until_stopped(400, lambda n: here("GET", f"{V3}/account/whoami", token=f"ct_guess{n}"))
    assert tried >= 20
    for path in (f"{V3}/sync", "/_comptoir/desk/v1/me"):
        until_stopped(20, lambda n: here("GET", path, token=f"ct_another{n}"), least=0)   # the bucket fills while the test runs
    assert here("GET", f"{V3}/account/whoami", token=token).status_code == 200
    assert From(guarded)("GET", f"{V3}/account/whoami", token="ct_guess").status_code == 401


def test_refresh_and_login_tokens(guarded):
    here = From(guarded)
    until_stopped(15, lambda n: here("POST", f"{V3}/refresh", {"refresh_token": f"cr_guess{n}"}))
    there = From(guarded)
    until_stopped(15, lambda n: there("POST", f"{V3}/login", {"type": "m.login.token", "token": f"cl_guess{n}"}))


def test_links_of_mails(guarded):
    here = From(guarded)
    until_stopped(15, lambda n: here("GET", "/_comptoir/email/confirm", params={"sid": "x", "token": f"guess{n}"}))
    there = From(guarded)
    until_stopped(15, lambda n: there.client.post("/_comptoir/email/confirm", data={"sid": "x", "token": f"guess{n}"}))


@pytest.mark.parametrize("path", ["account/password/email/requestToken", "account/3pid/email/requestToken", "register/email/requestToken"])
def test_mails_that_are_asked_for(guarded, path):
    here = From(guarded)
    until_stopped(15, lambda n: here("POST", f"{V3}/{path}", {"client_secret": f"s{n}", "email": f"a{n}@example.org", "send_attempt": 1}))


def test_who_a_visitor_of_the_widget_is(guarded):
    """Forged identities and stolen resume tokens."""
    here = From(guarded)
    until_stopped(60, lambda n: here("POST", "/_comptoir/widget/v1/session", {"inbox": "default", "identity": {"user_id": "42", "hash": f"{n:064x}"}}))
    there = From(guarded)
    until_stopped(60, lambda n: there("POST", "/_comptoir/widget/v1/session", {"inbox": "default", "resume_token": f"guess{n}"}))


def test_everything_else_has_a_limit_too(guarded):
    """By address for who is not signed in, by user for who is, whatever address he comes from."""
    here = From(guarded)
    until_stopped(400, lambda n: here("GET", f"{V3}/profile/@nobody{n}:acceptance.test"))
    token = register(guarded, "busy")
    places = [From(guarded) for _ in range(4)]
    until_stopped(400, lambda n: places[n % 4]("GET", f"{V3}/account/whoami", token=token))
