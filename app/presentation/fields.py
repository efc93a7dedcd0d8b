"""Field types of request bodies, as the contract words them: trimmed, bounded, unknown fields refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from app.domain.kernel import Money

UNSET: Any = None
"""Default of a field of a PATCH that may be left out and may not be null; see `Patch.given`."""

HTML_EMAIL = (
    r"^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+$"
)
"""What browsers take (HTML Living Standard, "valid email address"), with a dot in the domain."""

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
"""`date-time` of RFC 3339 section 5.6; the parser behind it takes much more, numbers among it."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"\S")]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=5_000)]
Email = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=200, pattern=HTML_EMAIL)]


def _no_id(slug: str) -> str:
    """X-Tenant-ID takes both: a slug that reads as an id could pass for another tenant."""
    try:
        UUID(slug)
    except ValueError:
        return slug
    raise PydanticCustomError("looks_like_an_id", "This reads as an id. Choose a slug with other letters.")


Slug = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=63, pattern=r"^[a-z0-9-]{3,63}$"),
    AfterValidator(_no_id),
]
Password = Annotated[str, StringConstraints(strip_whitespace=False, min_length=12, max_length=256)]
Count = Annotated[int, Field(strict=True, ge=1, le=10_000)]
Capacity = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
Flag = Annotated[bool, Field(strict=True)]


def _text_only(value: object) -> object:
    if not isinstance(value, str) or RFC_3339.fullmatch(value) is None:
        raise ValueError("must be a time such as 2026-11-21T20:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie in the years 1 to 9999, in UTC") from None


Instant = Annotated[
    AwareDatetime, BeforeValidator(_text_only, json_schema_input_type=AwareDatetime), AfterValidator(_in_utc)
]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Patch(Body):
    def given(self) -> dict[str, Any]:
        """The fields that were sent, as the domain takes them."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class MoneyIn(Body):
    """Integer minor units of an ISO 4217 currency."""

    amount: Annotated[int, Field(strict=True, ge=0, le=1_000_000_000_000)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]

    def money(self) -> Money:
        return Money(self.amount, self.currency)
