from __future__ import annotations

from app.application.tenancy.contracts import Role
from tests.support.system import Organizer, System


async def test_a_superuser_changes_a_tenant_only_when_they_name_it(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    superuser = await system.person(other.tenant_id, Role.OWNER, is_superuser=True)
    path, body = f"/api/v1/tenants/{organizer.tenant_id}", {"name": "Renamed"}

    unnamed = await system.client.patch(path, json=body, headers=superuser.headers)
    named = await system.client.patch(path, json=body, headers=superuser.headers | {"X-Tenant-ID": organizer.slug})

    assert (unnamed.status_code, unnamed.json()["code"]) == (404, "tenant_not_found")
    assert (named.status_code, named.json()["name"]) == (200, "Renamed")
