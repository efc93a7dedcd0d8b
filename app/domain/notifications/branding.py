"""Branding: how a tenant's messages look and whom they are from."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from app.domain.kernel import AggregateRoot, DomainEvent

DEFAULT_ACCENT = "#2456d6"


class Locale(StrEnum):
    """What messages are written in."""

    EN = "en"
    DE = "de"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """`sender_name` None is the tenant's own name; `accent_color` is `#rrggbb`; `logo_url` is an https address."""

    sender_name: str | None = None
    reply_to: str | None = None
    logo_url: str | None = None
    accent_color: str = DEFAULT_ACCENT
    footer: str = ""
    locale: Locale = Locale.EN


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandingChanged(DomainEvent):
    """`changed` names the fields that have another value than before."""

    type: ClassVar[str] = "branding.changed"
    changed: tuple[str, ...]
    look: Look


@dataclass(slots=True, eq=False, kw_only=True)
class Branding(AggregateRoot):
    """Version 0 is what a tenant has that never chose."""

    id: UUID
    look: Look

    def change(self, *, now: datetime, **values: object) -> None:
        """Sets the named fields; the same values again change nothing and record nothing."""
        look = replace(self.look, **values)  # type: ignore[arg-type]  # names and types are the request schema's
        changed = tuple(f.name for f in fields(look) if getattr(look, f.name) != getattr(self.look, f.name))
        if not changed:
            return
        self.look = look
        self._record(BrandingChanged(changed=changed, look=look, occurred_at=now))
