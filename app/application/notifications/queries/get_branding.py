from __future__ import annotations

from dataclasses import dataclass

from app.application.notifications.views import BrandingView
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBranding(Query[BrandingView]):
    """How the tenant's messages look."""
