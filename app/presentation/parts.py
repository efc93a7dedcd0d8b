"""What the routes are served with; put on `app.state.parts` once at start-up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import cast

from fastapi import Request

from app.application.cursors import CursorSigner, Fingerprints
from app.application.hot_pages import HotPages
from app.application.identity.contracts import AccessTokens, RevokedTokens
from app.application.tenancy.contracts import TenantDirectory
from app.shared.mediator import Mediator

Probe = Callable[[], Awaitable[Mapping[str, object]]]
"""The state of one part, for /health; `ok` tells whether it works, `detail` what to do when it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    mediator: Mediator
    tokens: AccessTokens
    revoked: RevokedTokens
    tenants: TenantDirectory
    default_tenant: str
    pages: HotPages
    cursors: CursorSigner
    fingerprints: Fingerprints
    probes: Mapping[str, Probe]
    metrics: Callable[[], Awaitable[bytes]]


def parts_of(request: Request) -> Parts:
    return cast(Parts, request.app.state.parts)
