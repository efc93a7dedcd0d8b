"""What leaves the system: the one list of event types that webhooks carry and that the AsyncAPI document shows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from app.domain.kernel import known_events
from app.shared.errors import AppError, FieldFault, Kind

PUBLIC_PREFIXES: Mapping[str, str] = MappingProxyType(
    {
        "order": "An order was placed, confirmed, cancelled or expired",
        "product": "A product was created, changed, archived or erased",
        "member": "Somebody was added to the tenant, joined, changed role or left",
        "tenant": "The tenant was created or renamed",
    }
)
"""By the part of the type before the dot. Everything else is internal."""

INTERNAL_PREFIXES = frozenset(
    {
        *("account", "session", "job", "schedule", "dead_letter"),
        *("webhook_endpoint", "message", "address", "branding", "file"),
    }
)
"""Sign-ins, the machinery, and what is told about webhooks and mail themselves: never sent."""

EVERYTHING = "*"
PING = "webhook.ping"


class UnknownEventType(AppError):
    """A webhook was asked for events that do not exist or never leave the system."""

    code = "unknown_event_type"
    kind = Kind.INVALID


def is_public(type_: str) -> bool:
    return type_.partition(".")[0] in PUBLIC_PREFIXES


def filters_of(type_: str) -> tuple[str, str, str]:
    """The filters that ask for an event of this type."""
    return type_, f"{type_.partition('.')[0]}.*", EVERYTHING


def public_types() -> list[str]:
    """Every type there is in the program that is loaded, in order."""
    return sorted(filter(is_public, known_events()))


def known_filters() -> list[str]:
    return [EVERYTHING, *(f"{prefix}.*" for prefix in PUBLIC_PREFIXES), *public_types()]


def check_filters(filters: tuple[str, ...]) -> tuple[str, ...]:
    """Each once, in the order given. Raises UnknownEventType, naming the positions."""
    known = frozenset(known_filters())
    faults = tuple(
        FieldFault(f"/events/{position}", UnknownEventType.code, "is no type of event, `<name>.*` or `*`")
        for position, wanted in enumerate(filters)
        if wanted not in known
    )
    if faults:
        raise UnknownEventType("GET /api/v1/webhooks/event-types lists what can be asked for.", errors=faults)
    return tuple(dict.fromkeys(filters))
