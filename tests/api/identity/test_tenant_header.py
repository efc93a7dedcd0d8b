from __future__ import annotations

from uuid import uuid4

import pytest

from app.application.tenancy.contracts import Role
from tests.support.owner import rows
from tests.support.system import Organizer, Person, System

ME = "/api/v1/auth/me"


async def visitor(system: System, home: Organizer, there: Organizer) -> Person:
    person = await system.person(home.tenant_id, Role.OWNER)
    joined = await system.client.post("/api/v1/auth/join", headers=person.headers | {"X-Tenant-ID": there.slug})
    assert joined.status_code == 204
    return person


async def test_one_token_serves_several_tenants_each_with_its_own_role(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    person = await visitor(system, organizer, other)
    expected = {
        None: (organizer.slug, "owner"),
        organizer.slug: (organizer.slug, "owner"),
        other.slug: (other.slug, "customer"),
        str(other.tenant_id): (other.slug, "customer"),
        other.tenant_id.hex: (other.slug, "customer"),
    }
    for named, (slug, role) in expected.items():
        header = {} if named is None else {"X-Tenant-ID": named}
        tenant = (await system.client.get(ME, headers=person.headers | header)).json()["tenant"]
        assert (tenant["slug"], tenant["role"]) == (slug, role)


@pytest.mark.parametrize("path", [ME, "/api/v1/products", "/api/v1/tenants", "/api/v1/users/me"])
async def test_an_unknown_tenant_and_a_foreign_one_get_the_same_403(
    system: System, organizer: Organizer, other: Organizer, path: str
) -> None:
    told = []
    for named in (other.slug, str(other.tenant_id), "no-such-tenant", str(uuid4()), "'; DROP TABLE", "x" * 4_000):
        response = await system.client.get(path, headers=organizer.owner.headers | {"X-Tenant-ID": named})
        assert response.status_code == 403
        told.append(response.json() | {"request_id": ""})
    assert told.count(told[0]) == len(told)
    assert told[0]["code"] == "tenant_mismatch"


async def test_a_header_is_checked_as_well_where_the_path_names_the_tenant(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    response = await system.client.patch(
        f"/api/v1/tenants/{organizer.tenant_id}",
        json={"name": "New"},
        headers=organizer.owner.headers | {"X-Tenant-ID": other.slug},
    )
    assert (response.status_code, response.json()["code"]) == (403, "tenant_mismatch")


async def test_who_is_barred_from_the_other_tenant_is_out_of_it_at_once(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    person = await visitor(system, organizer, other)
    there = person.headers | {"X-Tenant-ID": other.slug}
    path = f"/api/v1/users/{person.user_id}"
    barred = await system.client.patch(path, json={"is_active": False}, headers=other.owner.headers)
    assert barred.status_code == 200
    assert (await system.client.get(ME, headers=there)).json()["code"] == "tenant_mismatch"
    assert (await system.client.get(ME, headers=person.headers)).status_code == 200


async def test_a_slug_that_reads_as_another_tenant_s_id_never_stands_for_it(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    """Such slugs are refused; one that is there all the same does not win over the id."""
    slug = str(organizer.tenant_id)
    refused = await system.client.post(
        "/api/v1/tenants", json={"slug": slug, "name": "Impostor"}, headers=other.owner.headers
    )
    assert refused.json()["errors"][0]["code"] == "looks_like_an_id"
    await rows(system, "UPDATE tenants SET slug = $2 WHERE id = $1", other.tenant_id, slug)
    product = await system.product(organizer)
    listed = await system.client.get("/api/v1/products", headers={"X-Tenant-ID": slug})
    assert [item["id"] for item in listed.json()["items"]] == [str(product.id)]


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer x.y.z", "bearer é"])
async def test_credentials_that_are_none_are_401_even_where_none_are_needed(system: System, authorization: str) -> None:
    response = await system.client.get("/api/v1/products", headers={b"Authorization": authorization.encode("latin-1")})
    assert (response.status_code, response.json()["code"]) == (401, "invalid_token")
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_the_scheme_s_case_does_not_matter(system: System, organizer: Organizer) -> None:
    for scheme in ("bearer", "BEARER"):
        response = await system.client.get(ME, headers={"Authorization": f"{scheme} {organizer.owner.token}"})
        assert response.status_code == 200


async def test_without_credentials_the_answer_says_how_to_get_some(system: System) -> None:
    for method, path in (("GET", ME), ("POST", "/api/v1/auth/join"), ("POST", "/api/v1/auth/logout")):
        response = await system.client.request(method, path)
        assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")


async def test_joining_a_tenant_that_does_not_exist_is_403(system: System, organizer: Organizer) -> None:
    headers = organizer.owner.headers | {"X-Tenant-ID": "no-such-tenant"}
    response = await system.client.post("/api/v1/auth/join", headers=headers)
    assert (response.status_code, response.json()["code"]) == (403, "tenant_mismatch")


async def test_who_joins_is_a_customer_there_and_nothing_else_changes(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    person = await visitor(system, organizer, other)
    sql = "SELECT role FROM memberships WHERE user_id = $1 ORDER BY role"
    assert await rows(system, sql, person.user_id) == [("customer",), ("owner",)]
    again = await system.client.post("/api/v1/auth/join", headers=person.headers | {"X-Tenant-ID": other.slug})
    assert (again.status_code, again.json()["code"]) == (409, "already_member")
