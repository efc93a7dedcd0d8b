from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from app.application.tenancy.contracts import Role
from tests.support.owner import audit, rows
from tests.support.system import Organizer, System

TENANTS = "/api/v1/tenants"


def fresh(**fields: object) -> dict[str, object]:
    return {"slug": f"t-{uuid4().hex}", "name": "Open Air e.V."} | fields


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.OWNER])
async def test_whoever_founds_a_tenant_owns_it(system: System, organizer: Organizer, role: Role) -> None:
    person = await system.person(organizer.tenant_id, role)
    body = fresh()
    made = await system.client.post(TENANTS, json=body, headers=person.headers)
    tenant = made.json()
    assert made.status_code == 201
    assert {**tenant, "created_at": ""} == {
        "id": tenant["id"],
        "slug": body["slug"],
        "name": body["name"],
        "status": "active",
        "created_at": "",
        "version": 1,
    }
    path = made.headers["Location"]
    assert path == f"{TENANTS}/{tenant['id']}"
    read = await system.client.get(path, headers=person.headers)
    assert (read.json(), read.headers["ETag"]) == (tenant, made.headers["ETag"])
    there = person.headers | {"X-Tenant-ID": str(body["slug"])}
    me = (await system.client.get("/api/v1/auth/me", headers=there)).json()
    assert me["tenant"]["role"] == "owner"
    assert (await system.client.get("/api/v1/users", headers=there)).json()["items"][0]["id"] == str(person.user_id)
    assert await audit(system, tenant["id"]) == [("tenant.created", "done"), ("member.added", "done")]


async def test_a_repeat_with_the_same_key_finds_the_first_answer_although_the_tenant_is_another(
    system: System, organizer: Organizer
) -> None:
    headers = organizer.owner.headers | {"Idempotency-Key": uuid4().hex}
    body = fresh()
    first = await system.client.post(TENANTS, json=body, headers=headers)
    again = await system.client.post(TENANTS, json=body, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    other = await system.client.post(TENANTS, json=fresh(), headers=headers)
    assert other.json()["code"] == "idempotency_mismatch"
    kept = await rows(system, "SELECT count(*) FROM idempotency_keys WHERE tenant_id = $1", organizer.tenant_id)
    assert kept == [(1,)]


async def test_a_slug_is_taken_once(system: System, organizer: Organizer, other: Organizer) -> None:
    response = await system.client.post(TENANTS, json=fresh(slug=other.slug), headers=organizer.owner.headers)
    assert (response.status_code, response.json()["code"]) == (409, "slug_taken")
    path = f"{TENANTS}/{organizer.tenant_id}"
    moved = await system.client.patch(path, json={"slug": other.slug}, headers=organizer.owner.headers)
    assert (moved.status_code, moved.json()["code"]) == (409, "slug_taken")


@pytest.mark.parametrize("slug", ["ab", "x" * 64, "Upper", "with space", "dot.dot", "ümlaut", "", "0" * 32, None, 7])
async def test_a_slug_is_short_lower_case_and_no_id(system: System, organizer: Organizer, slug: object) -> None:
    response = await system.client.post(TENANTS, json=fresh(slug=slug), headers=organizer.owner.headers)
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/slug")


@pytest.mark.parametrize("slug", ["abc", "a-1", "x" * 63])
async def test_slugs_may_be_this(system: System, organizer: Organizer, slug: str) -> None:
    made = await system.client.post(TENANTS, json=fresh(slug=slug), headers=organizer.owner.headers)
    assert made.status_code == 201


@pytest.mark.parametrize("field", ["id", "status", "version", "owner_id", "created_at"])
async def test_what_is_not_writable_is_refused(system: System, organizer: Organizer, field: str) -> None:
    headers = organizer.owner.headers
    for method, path in (("POST", TENANTS), ("PATCH", f"{TENANTS}/{organizer.tenant_id}")):
        response = await system.client.request(method, path, json=fresh(**{field: 1}), headers=headers)
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, f"/{field}")


async def ids(system: System, headers: dict[str, str], limit: int = 100) -> list[str]:
    found: list[str] = []
    query: dict[str, Any] = {"limit": limit}
    while True:
        page = (await system.client.get(TENANTS, params=query, headers=headers)).json()
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


async def test_the_own_tenants_are_listed_and_all_of_them_for_a_superuser(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    person = await system.person(organizer.tenant_id, Role.CUSTOMER)
    await system.client.post("/api/v1/auth/join", headers=person.headers | {"X-Tenant-ID": other.slug})
    asked = {"email": person.email, "full_name": "A", "role": "admin"}
    third = await system.organizer()
    await system.client.post("/api/v1/users", json=asked, headers=third.owner.headers)
    assert await ids(system, person.headers, 1) == [str(other.tenant_id), str(organizer.tenant_id)]
    root = await system.person(organizer.tenant_id, Role.CUSTOMER, is_superuser=True)
    every = await ids(system, root.headers)
    assert {str(organizer.tenant_id), str(other.tenant_id), str(third.tenant_id)} <= set(every)
    assert len(every) == len(set(every))


async def test_a_tenant_one_does_not_belong_to_is_like_one_that_does_not_exist(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    headers = organizer.owner.headers
    for method, body in (("GET", None), ("PATCH", {"name": "Mine now"})):
        told = []
        for tenant_id in (str(other.tenant_id), str(uuid4())):
            response = await system.client.request(method, f"{TENANTS}/{tenant_id}", json=body, headers=headers)
            assert response.status_code == 404
            told.append(response.json() | {"request_id": "", "instance": ""})
        assert told[0] == told[1]
        assert told[0]["code"] == "tenant_not_found"


async def test_a_path_that_is_no_id_is_refused(system: System, organizer: Organizer) -> None:
    read = await system.client.get(f"{TENANTS}/{organizer.slug}", headers=organizer.owner.headers)
    assert (read.status_code, read.json()["errors"][0]["pointer"]) == (422, "{tenant_id}")
    path = f"{TENANTS}/{organizer.slug}"
    changed = await system.client.patch(path, json={"name": "New"}, headers=organizer.owner.headers)
    assert changed.status_code == 422


async def test_a_tenant_is_renamed_by_who_read_it_last(system: System, organizer: Organizer) -> None:
    path, headers = f"{TENANTS}/{organizer.tenant_id}", organizer.owner.headers
    tag = (await system.client.get(path, headers=headers)).headers["ETag"]
    slug = f"t-{uuid4().hex}"
    renamed = await system.client.patch(path, json={"slug": slug, "name": "New"}, headers=headers | {"If-Match": tag})
    assert (renamed.json()["slug"], renamed.json()["name"], renamed.json()["version"]) == (slug, "New", 2)
    stale = await system.client.patch(path, json={"name": "Newer"}, headers=headers | {"If-Match": tag})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    for body in ({}, {"name": "New"}, {"slug": slug}):
        same = await system.client.patch(path, json=body, headers=headers)
        assert (same.status_code, same.json()["version"]) == (200, 2)
    assert (await audit(system, organizer.tenant_id)).count(("tenant.renamed", "done")) == 1
    assert (await system.client.get("/api/v1/products", headers={"X-Tenant-ID": slug})).status_code == 200


async def test_the_other_tenant_s_owner_changes_it_through_the_path_alone(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    """Somebody of several tenants needs no header where the path names the tenant."""
    person = await system.person(other.tenant_id, Role.CUSTOMER)
    made = await system.client.post(TENANTS, json=fresh(), headers=person.headers)
    response = await system.client.patch(made.headers["Location"], json={"name": "New"}, headers=person.headers)
    assert response.status_code == 200
    forbidden = await system.client.patch(f"{TENANTS}/{other.tenant_id}", json={"name": "New"}, headers=person.headers)
    assert (forbidden.status_code, forbidden.json()["code"]) == (403, "forbidden")


async def test_a_superuser_changes_any_tenant_and_it_is_noted(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    root = await system.person(other.tenant_id, Role.CUSTOMER, is_superuser=True)
    path = f"{TENANTS}/{organizer.tenant_id}"
    named = root.headers | {"X-Tenant-ID": organizer.slug}
    assert (await system.client.get(path, headers=root.headers)).status_code == 200
    assert (await system.client.patch(path, json={"name": "New"}, headers=named)).status_code == 200
    sql = "SELECT is_superuser FROM audit_log WHERE tenant_id = $1 AND action = 'tenant.renamed'"
    assert await rows(system, sql, organizer.tenant_id) == [(True,)]


async def test_of_several_changes_at_once_one_wins(system: System, organizer: Organizer) -> None:
    path, headers = f"{TENANTS}/{organizer.tenant_id}", organizer.owner.headers | {"If-Match": '"1"'}
    renames = (system.client.patch(path, json={"name": f"New {n}"}, headers=headers) for n in range(10))
    statuses = sorted(response.status_code for response in await asyncio.gather(*renames))
    assert statuses.count(200) == 1
    assert {*statuses} <= {200, 409, 412}


async def test_a_superuser_finds_no_tenant_by_an_id_that_none_has(system: System, organizer: Organizer) -> None:
    root = await system.person(organizer.tenant_id, Role.CUSTOMER, is_superuser=True)
    response = await system.client.patch(f"{TENANTS}/{uuid4()}", json={"name": "New"}, headers=root.headers)
    assert (response.status_code, response.json()["code"]) == (404, "tenant_not_found")
