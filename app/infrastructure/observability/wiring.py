"""Puts together what GET /metrics shows."""

from __future__ import annotations

from collections.abc import Mapping

from app.infrastructure.database.pool import Database
from app.infrastructure.observability.exposition import MetricsText
from app.infrastructure.observability.figures import AskTenant, DatabaseFigures, Group, TenantWalk, Values
from app.infrastructure.observability.readings import Depth, readings
from app.infrastructure.observability.tally import Tally

Walks = Mapping[str, tuple[AskTenant, Values]]
"""By name: how one tenant is asked, and what there is without any tenant."""


def build_metrics(database: Database, tally: Tally, depth: Depth, walks: Walks) -> MetricsText:
    groups = [Group(name, ask) for name, ask in readings(database, depth).items()]
    groups += [Group(name, TenantWalk(database, ask, none)) for name, (ask, none) in walks.items()]
    return MetricsText(tally, DatabaseFigures(groups))
