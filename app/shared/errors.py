"""Every expected failure. Kinds are transport-free; `presentation/problems.py` owns the HTTP table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class Kind(StrEnum):
    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    PLAN_LIMIT = "plan_limit"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    STALE = "stale"
    TOO_LARGE = "too_large"
    WRONG_TYPE = "wrong_type"
    INVALID = "invalid"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One wrong field: `pointer` is an RFC 6901 JSON pointer into the body, or `?name` for a query parameter."""

    pointer: str
    code: str
    detail: str


class AppError(Exception):
    """Base of all expected errors. Subclasses set `code` and `kind`.

    `message` is for people and says what to do next; it never holds a submitted value. `extra` becomes members
    of the problem document (RFC 9457 section 3.2); `retry_after` is in seconds.
    """

    code: ClassVar[str] = "error"
    kind: ClassVar[Kind] = Kind.INVALID

    def __init__(
        self,
        message: str,
        *,
        errors: tuple[FieldFault, ...] = (),
        retry_after: int | None = None,
        **extra: str | int | None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.errors = errors
        self.retry_after = retry_after
        self.extra = extra


class ConcurrentChange(AppError):
    """Another writer changed the same resource first."""

    code = "concurrent_change"
    kind = Kind.CONFLICT


class StaleVersion(AppError):
    """`If-Match` named a version that is no longer current (RFC 9110 section 13.1.1)."""

    code = "stale_version"
    kind = Kind.STALE


class Forbidden(AppError):
    """Known to us, but the role held in the tenant does not allow this."""

    code = "forbidden"
    kind = Kind.FORBIDDEN


class Unavailable(AppError):
    """A part we depend on does not answer, or we shed load."""

    code = "unavailable"
    kind = Kind.UNAVAILABLE


class Overloaded(Unavailable):
    """Too much is waiting in this process; nothing was done."""

    code = "overloaded"
