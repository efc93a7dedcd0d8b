"""Headless Chromium, and what its pages say and ask for."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from playwright.async_api import ConsoleMessage, Page, Request, async_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """The browser's path, or None where none is installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@dataclass
class Watched:
    """A page of the application at `address`: what it complains about and what it asks for."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _see(self, request: Request) -> None:
        self.asked.append(request.url)

    @property
    def foreign(self) -> list[str]:
        own = (self.address + "/", f"blob:{self.address}/", "data:")
        return [url for url in self.asked if not url.startswith(own)]

    async def authorize(self, email: str, password: str) -> None:
        """Swagger's dialog, with the password form."""
        await self.page.click("button.authorize")
        await self.page.fill("#oauth_username", email)
        await self.page.fill("#oauth_password", password)
        await self.page.click(".auth-container:has(#oauth_username) button.authorize")
        await self.page.wait_for_selector(".auth-container >> text=Logout")
        await self.page.click("button.close-modal")


@asynccontextmanager
async def watching(address: str) -> AsyncIterator[Watched]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        watched = Watched(await browser.new_page(), address)
        watched.watch()
        yield watched
        await browser.close()
