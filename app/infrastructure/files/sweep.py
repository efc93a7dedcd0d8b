"""Bytes that no row names: of uploads that broke off, and of images that were replaced or removed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import UUID

import structlog

from app.application.files.ports import Storage
from app.application.ports import Clock
from app.domain.files.file import ORPHAN_AFTER
from app.infrastructure.database.pool import Database

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_KEY = re.compile(f"({_UUID})/[0-9a-f]{{2}}/{_UUID}")
_ORPHANS = """
    SELECT k.key FROM unnest($2::text[]) AS k(key)
    WHERE EXISTS (SELECT FROM tenants WHERE id = $1)
    AND NOT EXISTS (SELECT FROM files f WHERE f.tenant_id = $1 AND f.storage_key = k.key)
"""
"""A tenant this database doesn't know may be another installation's that shares the bucket: its files stay."""

_log = structlog.get_logger("hello_ticket.files")


async def sweep_orphans(database: Database, storage: Storage, clock: Clock) -> int:
    """How many were deleted. Repeating it, also at the same time elsewhere, is harmless.

    Never deletes what a row names: a key is used once and a row for it is refused NEWEST_UPLOAD after the bytes were
    put, long before they are ORPHAN_AFTER old; so what has no row then never gets one. Raises StorageUnavailable and
    Unavailable; the rest is left for the next time.
    """
    gone = 0
    async for keys in storage.older(clock.now() - ORPHAN_AFTER):
        for tenant_id, own in _by_tenant(keys).items():
            orphans = await _without_row(database, tenant_id, own)
            for key in orphans:
                await storage.delete(key)
            gone += len(orphans)
    if gone:
        _log.info("orphans_swept", files=gone)
    return gone


def _by_tenant(keys: Sequence[str]) -> dict[UUID, list[str]]:
    """What does not look like a key of ours is somebody else's and stays."""
    found: dict[UUID, list[str]] = {}
    for key in keys:
        if match := _KEY.fullmatch(key):
            found.setdefault(UUID(match[1]), []).append(key)
    return found


async def _without_row(database: Database, tenant_id: UUID, keys: Sequence[str]) -> list[str]:
    async with database.transaction(tenant_id, read_only=True) as connection:
        rows = await connection.fetch(_ORPHANS, tenant_id, keys)
    return [row["key"] for row in rows]
