from __future__ import annotations

from dataclasses import dataclass

from app.application.notifications.views import SuppressionView
from app.domain.notifications.suppression import SuppressionId
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSuppression(Query[SuppressionView]):
    """One address that gets nothing more, and why."""

    suppression_id: SuppressionId
