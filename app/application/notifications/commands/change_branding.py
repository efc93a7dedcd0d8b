from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from app.application.notifications.views import BrandingView, branding_view
from app.application.ports import Clock
from app.domain.notifications.branding import Look
from app.domain.notifications.ports import BrandingRepository
from app.shared.mediator import Command, PartOf


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBranding(Command[BrandingView]):
    """Set how the tenant's messages look. `expected_version` None changes whatever version is there."""

    changes: Annotated[Mapping[str, object], PartOf(Look)]
    expected_version: int | None = None


@dataclass(slots=True)
class ChangeBrandingHandler:
    brandings: BrandingRepository
    clock: Clock

    async def handle(self, command: ChangeBranding) -> BrandingView:
        branding = await self.brandings.get()
        branding.expect_version(command.expected_version)
        branding.change(now=self.clock.now(), **command.changes)
        return branding_view(branding)
