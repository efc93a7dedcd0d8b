"""Under which key a page is kept in memory: those who change what is on it let go of it."""

from __future__ import annotations

from uuid import UUID

from app.shared.ids import TenantId


def product_page_key(tenant_id: TenantId, product_id: UUID | str) -> str:
    return f"{tenant_id}|product|{product_id}"
