"""NOTIFY as the carrier: nothing else to install."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from app.infrastructure.database.listener import PostgresLink, postgres_link


class PostgresCarrier:
    """`dsn` must lead to the server itself, not to a transaction pooler, which would swallow the notifications."""

    name = "postgres"

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def link(self) -> AbstractAsyncContextManager[PostgresLink]:
        return postgres_link(self._dsn)
