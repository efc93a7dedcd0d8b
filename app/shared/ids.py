"""Nominal ids. All are UUIDv7 (RFC 9562), made in the application."""

from __future__ import annotations

from typing import NewType
from uuid import UUID

TenantId = NewType("TenantId", UUID)
UserId = NewType("UserId", UUID)
SessionId = NewType("SessionId", UUID)
ProductId = NewType("ProductId", UUID)
PoolId = NewType("PoolId", UUID)
OrderId = NewType("OrderId", UUID)
JobId = NewType("JobId", UUID)
DeadLetterId = NewType("DeadLetterId", UUID)
FileId = NewType("FileId", UUID)

NOBODY = UserId(UUID(int=0))
"""The principal of anonymous calls."""
