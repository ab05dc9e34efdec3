"""Fixtures of the acceptance tests. See docs/TESTING.md."""

from __future__ import annotations

import os
import sys
import uuid

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from playwright.sync_api import sync_playwright  # noqa: E402

import browser as pages  # noqa: E402
import postgres  # noqa: E402
from server import Server  # noqa: E402


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and report.failed:
        for value in item.funcargs.values():
            if isinstance(value, Server):
                report.sections.append(("end of the server's log", value.tail()))
            if isinstance(value, pages.People):
                for n, context in enumerate(value.contexts):
                    for m, page in enumerate(context.pages):
                        try:
                            path = pages.shot(page, f"failed-{item.name}-{n}-{m}")
                            report.sections.append((f"page {n}.{m}", f"{page.url}\n{path}"))
                        except Exception as problem:  # the page may be gone: say so, and keep the test's own report
                            report.sections.append((f"page {n}.{m}", f"no picture: {problem}"))
                report.sections.append(("problems on the pages", "\n".join(value.problems)))
    return report


def _watched(server: Server):
    with server:
        yield server
        assert not server.crashed(), f"the server crashed\n{server.tail()}"


@pytest.fixture
def server():
    """A fresh server on SQLite."""
    yield from _watched(Server())


@pytest.fixture(scope="module")
def shared_server():
    """One server for all tests of a file: cheaper, for tests that do not disturb each other."""
    yield from _watched(Server())


@pytest.fixture(params=["sqlite", "postgres"])
def server_on_each(request):
    """A fresh server on SQLite, then one on PostgreSQL."""
    if request.param == "sqlite":
        yield from _watched(Server())
        return
    with postgres.database(f"acceptance_{uuid.uuid4().hex[:12]}") as url:
        yield from _watched(Server(database=url))


@pytest.fixture(scope="session")
def _playwright():
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def _chromium(_playwright):
    browser = pages.launch(_playwright)
    yield browser
    browser.close()


@pytest.fixture
def people(_playwright, _chromium):
    """Browser contexts for the people of a test; the test fails when a page logged an error that was not forgiven."""
    people = pages.People(_playwright, _chromium)
    yield people
    people.close()
    assert not people.problems, "problems on the pages:\n" + "\n".join(people.problems)
