from __future__ import annotations

from typing import Protocol

from app.domain.jobs.job import Job


class JobRepository(Protocol):
    def add(self, job: Job) -> None: ...
