from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.application.tenancy.contracts import Role
from tests.support.system import Organizer, Person, System

USERS, MINE = "/api/v1/users", "/api/v1/users/me"


def newcomer(**fields: object) -> dict[str, object]:
    return {"email": f"grace-{uuid4().hex}@example.com", "full_name": "Grace Hopper", "role": "member"} | fields


async def add(system: System, organizer: Organizer, **fields: object) -> httpx.Response:
    return await system.client.post(USERS, json=newcomer(**fields), headers=organizer.owner.headers)


async def listed(system: System, person: Person, **query: object) -> list[str]:
    """Addresses, over all pages."""
    parameters: dict[str, Any] = query
    found: list[str] = []
    while True:
        page = (await system.client.get(USERS, params=parameters, headers=person.headers)).json()
        found += [item["email"] for item in page["items"]]
        if page["next_cursor"] is None:
            return found
        parameters = query | {"cursor": page["next_cursor"]}


async def test_a_walk_through_the_list_meets_everybody_once(system: System, organizer: Organizer) -> None:
    people = [organizer.owner, *[await system.person(organizer.tenant_id, Role.CUSTOMER) for _ in range(4)]]
    addresses = [person.email for person in people]
    assert await listed(system, organizer.owner, limit=2) == addresses[::-1]
    assert await listed(system, organizer.owner, limit=2, sort="created_at") == addresses
    assert await listed(system, organizer.owner) == addresses[::-1]


@pytest.mark.parametrize(
    ("full_name", "q"),
    [("Grace Hopper", "HOPP"), ("Große Straße", "straße"), ("Ünal", "ünAL"), ("100% sure_", "% SURE_")],
)
async def test_search_finds_names_whatever_the_case(
    system: System, organizer: Organizer, full_name: str, q: str
) -> None:
    body = newcomer(full_name=full_name)
    await system.client.post(USERS, json=body, headers=organizer.owner.headers)
    assert await listed(system, organizer.owner, q=q) == [body["email"]]
    assert await listed(system, organizer.owner, q=str(body["email"]).upper()[:20]) == [body["email"]]
    assert await listed(system, organizer.owner, q="nobody of that name") == []


async def test_somebody_who_has_not_accepted_is_found_by_what_the_tenant_calls_them(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    await add(system, organizer, email=other.owner.email, full_name="Our drummer")
    assert await listed(system, organizer.owner, q="drummer") == [other.owner.email]
    assert await listed(system, organizer.owner, q="The owner") == [organizer.owner.email]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": "0"}, "validation_failed"),
        ({"limit": "101"}, "validation_failed"),
        ({"sort": "email"}, "validation_failed"),
        ({"q": " "}, "validation_failed"),
        ({"page": "2"}, "validation_failed"),
        ({"cursor": "x"}, "invalid_cursor"),
    ],
)
async def test_a_query_that_is_not_understood_is_refused(
    system: System, organizer: Organizer, query: dict[str, str], code: str
) -> None:
    response = await system.client.get(USERS, params=query, headers=organizer.owner.headers)
    assert (response.status_code, response.json()["code"]) == (422, code)


async def test_a_cursor_belongs_to_its_search_and_order(system: System, organizer: Organizer) -> None:
    await system.person(organizer.tenant_id, Role.CUSTOMER)
    headers = organizer.owner.headers
    page = await system.client.get(USERS, params={"limit": 1}, headers=headers)
    cursor = page.json()["next_cursor"]
    for changed in ({"q": "owner"}, {"sort": "created_at"}):
        response = await system.client.get(USERS, params={"cursor": cursor} | changed, headers=headers)
        assert response.json()["code"] == "invalid_cursor"
    tag = page.headers["ETag"]
    again = await system.client.get(USERS, params={"limit": 1}, headers=headers | {"If-None-Match": f'"x", W/{tag}'})
    assert (again.status_code, again.content) == (304, b"")
