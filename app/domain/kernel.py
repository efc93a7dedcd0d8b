"""Building blocks every context may use. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from app.shared.errors import AppError, Kind, StaleVersion

MAX_AMOUNT = 10**15
"""Minor units. Far above any basket, far below 2**63: sums of sums stay exact in a bigint."""


class RuleBroken(AppError):
    kind = Kind.CONFLICT


class AmountOutOfRange(AppError):
    """A sum of money beyond what the books can hold."""

    code = "amount_out_of_range"
    kind = Kind.INVALID


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainEvent:
    """Something that happened. `type` is the name other programs know it by; it never changes."""

    type: ClassVar[str]
    occurred_at: datetime


_CONTEXTS = __name__.rpartition(".")[0]


def known_events() -> dict[str, type[DomainEvent]]:
    """Every event of the contexts that are loaded, by `type`, in order; what others define for themselves is none."""
    found = {event.type: event for event in _below(DomainEvent) if _is_ours(event)}
    return dict(sorted(found.items()))


def _is_ours(event: type[DomainEvent]) -> bool:
    """`@dataclass(slots=True)` makes a class anew; the one without slots is a ghost."""
    return event.__module__.startswith(f"{_CONTEXTS}.") and "__slots__" in vars(event)


def _below(base: type[DomainEvent]) -> Iterator[type[DomainEvent]]:
    for event in base.__subclasses__():
        yield event
        yield from _below(event)


@dataclass(slots=True, eq=False, kw_only=True)
class AggregateRoot:
    """`version` counts the events of the aggregate's life, those not yet written included."""

    version: int = 0
    _events: list[DomainEvent] = field(default_factory=list, repr=False)

    def _record(self, event: DomainEvent) -> None:
        self._events.append(event)
        self.version += 1

    @property
    def pending_events(self) -> tuple[DomainEvent, ...]:
        return tuple(self._events)

    @property
    def stored_version(self) -> int:
        """The version the database has; what an update must find there."""
        return self.version - len(self._events)

    def expect_version(self, version: int | None) -> None:
        """Raises StaleVersion unless `version` is the current one; None expects nothing."""
        if version is not None and version != self.version:
            raise StaleVersion("This changed since you read it; load it again and repeat the change.")


@dataclass(frozen=True, slots=True)
class Money:
    """Integer minor units of an ISO 4217 currency; never a float."""

    amount: int
    currency: str

    def __post_init__(self) -> None:
        if abs(self.amount) > MAX_AMOUNT:
            raise AmountOutOfRange("The amount is beyond what can be booked; order less.")

    def __add__(self, other: Money) -> Money:
        if self.currency != other.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.amount + other.amount, self.currency)

    def times(self, quantity: int) -> Money:
        return Money(self.amount * quantity, self.currency)
