"""The answer to every kind of sign-in (RFC 6749 section 5.1)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """`expires_in` is of the access token, in seconds."""

    access_token: str
    refresh_token: str
    token_type: str = "bearer"  # noqa: S105 — the scheme's name, RFC 6750
    expires_in: int
