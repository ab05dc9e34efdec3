"""Real pages in Debian's Chromium: contexts that look like a desk or like a phone, pictures, accessibility.

The content policy of the pages is strict: `page.wait_for_function` and `page.add_script_tag` are refused by it. Use
locators and `expect` of Playwright instead.
"""

from __future__ import annotations

import base64
import os
import pathlib

import axe_playwright_python
from playwright.sync_api import Browser, BrowserContext, Frame, Page, Playwright

OUT = pathlib.Path(__file__).resolve().parent / "out"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
AXE = (pathlib.Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


class People:
    """Makes browser contexts and remembers what went wrong in each: errors of the console, of scripts, of the policy."""

    def __init__(self, playwright: Playwright, browser: Browser):
        self.playwright, self.browser = playwright, browser
        self.contexts: list[BrowserContext] = []
        self.problems: list[str] = []

    def context(self, device: str = "desktop", dark: bool = False, locale: str = "en-GB", **options) -> BrowserContext:
        """`device` is "desktop" or "phone" (a Pixel 7, with touch)."""
        settings = {"locale": locale, "color_scheme": "dark" if dark else "light", "timezone_id": "Europe/Paris"}
        if device == "phone":
            settings |= self.playwright.devices["Pixel 7"]
        else:
            settings["viewport"] = {"width": 1280, "height": 800}
        context = self.browser.new_context(**(settings | options))
        context.grant_permissions(["camera", "microphone", "notifications", "clipboard-read", "clipboard-write"])
        context.set_default_timeout(15_000)
        context.on("console", lambda m: self.problems.append(f"console: {m.text} {m.location.get('url', '')}") if m.type == "error" else None)
        context.on("weberror", lambda e: self.problems.append(f"script: {e.error}"))
        self.contexts.append(context)
        return context

    def page(self, device: str = "desktop", dark: bool = False, locale: str = "en-GB", **options) -> Page:
        return self.context(device, dark, locale, **options).new_page()

    def forgive(self, *words: str) -> None:
        """Forgets the problems that hold one of these words: what a test has caused on purpose."""
        self.problems = [p for p in self.problems if not any(w in p for w in words)]

    def close(self) -> None:
        for context in self.contexts:
            context.close()
        self.contexts.clear()


def shot(page: Page, name: str, full: bool = False) -> pathlib.Path:
    """A picture of the page in acceptance/out/NAME.png, to be looked at."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{name}.png"
    if full:
        page.screenshot(path=path, full_page=True)
        return path
    # Playwright's own picture of a phone changes the emulated screen for a moment; now and then the browser goes on to believe a
    # frame of another process (the widget's) to be where it was then, and clicks miss what they are aimed at.
    session = page.context.new_cdp_session(page)
    path.write_bytes(base64.b64decode(session.send("Page.captureScreenshot", {"format": "png"})["data"]))
    session.detach()
    return path


def accessible(page: Page | Frame) -> None:
    """Asserts that axe finds nothing, neither in the page nor in any frame of it."""
    found = []
    frames = page.frames if isinstance(page, Page) else [page]
    for frame in frames:
        if frame.url.startswith("about:"):
            continue
        frame.evaluate(AXE)
        answer = frame.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, iframes: false})", RULES)
        for violation in answer["violations"]:
            nodes = "; ".join(f"{n['target']} {n['failureSummary']}" for n in violation["nodes"][:4])
            found.append(f"{frame.url}: {violation['id']} ({violation['impact']}): {violation['help']}: {nodes}")
    assert not found, "\n".join(found)
