"""What others may know of jobs: how a command is queued, and what tells how far it is."""

from __future__ import annotations

from app.application.jobs.commands.queue_job import QueueJob as QueueJob  # noqa: PLC0414 — re-exported
from app.application.jobs.views import JobView as JobView  # noqa: PLC0414 — re-exported
