"""What webhooks need from the outside."""

from __future__ import annotations

from typing import Protocol

from app.application.webhooks.payload import Payload
from app.shared.errors import AppError, Kind


class WebhookUrlRefused(AppError):
    """The URL of a webhook is not one that may be called."""

    code = "webhook_url_refused"
    kind = Kind.INVALID


class SigningSecrets(Protocol):
    def new(self) -> str:
        """`whsec_` and the base64 of 32 random bytes (Standard Webhooks, "Signature scheme")."""
        ...


class UrlCheck(Protocol):
    async def check(self, url: str) -> None:
        """Looks the host up. Raises WebhookUrlRefused."""
        ...


class Render(Protocol):
    def __call__(self, payload: Payload, /) -> bytes:
        """The body, exactly as it is signed and sent."""
        ...
