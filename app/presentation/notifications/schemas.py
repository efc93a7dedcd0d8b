from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from app.domain.notifications.branding import Locale
from app.presentation.fields import UNSET, Email, Name, Patch

Color = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]


def _plain_address(url: str) -> str:
    """Customers' mail programs fetch it: nothing but a host, perhaps a port, and a path belongs in it."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc:
        raise PydanticCustomError("no_plain_address", "Give the address of an image, without a user or a password.")
    return url


LogoUrl = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^https://[^\s\"'<>\\]+$"),
    AfterValidator(_plain_address),
]
Footer = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1_000)]


class BrandingPatch(Patch):
    """Fields left out stay as they are; null empties those that may be empty."""

    sender_name: Name | None = None
    reply_to: Email | None = None
    logo_url: LogoUrl | None = None
    accent_color: Color = UNSET
    footer: Footer = UNSET
    locale: Locale = UNSET


MESSAGE: dict[str, Any] = {
    "id": "01936f61-0d4e-7c11-8a52-6d1f0e9b7a35",
    "channel": "mail",
    "to": "ada@example.com",
    "template": "order_confirmed",
    "locale": "en",
    "subject": "Your order HT-6D1F0-E9B7A is confirmed",
    "status": "sent",
    "attempts": 1,
    "created_at": "2026-11-21T10:00:00Z",
    "next_attempt_at": None,
    "sent_at": "2026-11-21T10:00:01Z",
    "last_error": None,
    "version": 2,
}
DETAIL = MESSAGE | {
    "sender_name": "Open Air e.V.",
    "reply_to": "tickets@example.com",
    "text": "Hello Ada Lovelace,\n\nthank you for your order.",
    "html": "<!doctype html><html>…</html>",
    "provider_id": "<01936f610d4e7c118a526d1f0e9b7a35.0@example.com>",
    "request_id": "7d1f2a0c5e8b4f6d9a3c2b1e0f4d5c6b",
}
QUEUED = MESSAGE | {
    "status": "queued",
    "attempts": 0,
    "next_attempt_at": "2026-11-21T10:00:00Z",
    "sent_at": None,
    "version": 1,
}
SUPPRESSION = {
    "id": "01936f62-0d4e-7c11-8a52-6d1f0e9b7a36",
    "channel": "mail",
    "address": "gone@example.com",
    "reason": "550 5.1.1 no such user",
    "created_at": "2026-11-21T10:00:00Z",
}
BRANDING = {
    "sender_name": "Open Air e.V.",
    "reply_to": "tickets@example.com",
    "logo_url": "https://example.com/logo.png",
    "accent_color": "#2456d6",
    "footer": "Open Air e.V., Beispielweg 1, 12345 Berlin",
    "locale": "de",
    "version": 1,
}
