"""Every table, in one import: what Alembic compares with the database."""

from __future__ import annotations

from sqlmodel import SQLModel

import app.infrastructure.catalog.rows
import app.infrastructure.database.rows
import app.infrastructure.files.rows
import app.infrastructure.identity.rows
import app.infrastructure.jobs.rows
import app.infrastructure.messaging.rows
import app.infrastructure.notifications.rows
import app.infrastructure.ordering.rows
import app.infrastructure.tenancy.rows
import app.infrastructure.webhooks.rows  # noqa: F401 — registers its tables

metadata = SQLModel.metadata
