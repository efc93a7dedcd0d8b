from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from app.application.tenancy.contracts import Role
from tests.support.owner import audit, value
from tests.support.system import PASSWORD, Organizer, System

USERS, MINE = "/api/v1/users", "/api/v1/users/me"


def newcomer(**fields: object) -> dict[str, object]:
    return {"email": f"grace-{uuid4().hex}@example.com", "full_name": "Grace Hopper", "role": "member"} | fields


async def add(system: System, organizer: Organizer, **fields: object) -> httpx.Response:
    return await system.client.post(USERS, json=newcomer(**fields), headers=organizer.owner.headers)


async def login(system: System, email: object, password: object) -> httpx.Response:
    return await system.client.post("/api/v1/auth/login", json={"email": email, "password": password})


async def test_an_unknown_address_gets_an_account_that_works_at_once(system: System, organizer: Organizer) -> None:
    password = "four words nobody guesses"
    body = newcomer(password=password)
    added = await system.client.post(USERS, json=body, headers=organizer.owner.headers)
    user = added.json()
    assert (added.status_code, user["role"], user["is_active"]) == (201, "member", True)
    assert added.headers["Location"] == f"{USERS}/{user['id']}"
    shown = await system.client.get(added.headers["Location"], headers=organizer.owner.headers)
    assert (shown.json(), shown.headers["ETag"]) == (user, added.headers["ETag"])
    assert (await login(system, body["email"], password)).status_code == 200
    assert {("account.registered", "done"), ("member.added", "done")} <= {*await audit(system, organizer.tenant_id)}


async def test_a_known_address_must_accept_before_the_role_counts(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    invited = other.owner
    named = {"X-Tenant-ID": organizer.slug}
    added = await add(system, organizer, email=invited.email.upper(), full_name="What we call them", role="admin")
    assert (added.status_code, added.json()["is_active"]) == (201, False)
    path = added.headers["Location"]
    waiting = (await system.client.get(path, headers=organizer.owner.headers)).json()
    assert (waiting["full_name"], waiting["is_active"]) == ("What we call them", False)
    assert (await system.client.get(USERS, headers=invited.headers | named)).status_code == 403
    joined = await system.client.post("/api/v1/auth/join", headers=invited.headers | named)
    assert joined.status_code == 204
    assert (await system.client.get(USERS, headers=invited.headers | named)).status_code == 200
    accepted = (await system.client.get(path, headers=organizer.owner.headers)).json()
    assert (accepted["full_name"], accepted["is_active"], accepted["role"]) == ("The owner", True, "admin")
    again = await system.client.post("/api/v1/auth/join", headers=invited.headers | named)
    assert (again.status_code, again.json()["code"]) == (409, "already_member")


async def test_somebody_who_belongs_already_can_not_be_added_again(system: System, organizer: Organizer) -> None:
    person = await system.person(organizer.tenant_id, Role.CUSTOMER)
    response = await add(system, organizer, email=person.email)
    assert (response.status_code, response.json()["code"]) == (409, "already_member")


async def test_a_weak_password_is_refused_for_others_as_well(system: System, organizer: Organizer) -> None:
    response = await add(system, organizer, password="password1234")
    assert (response.status_code, response.json()["code"]) == (422, "weak_password")


@pytest.mark.parametrize("known", [True, False])
async def test_nobody_gives_a_role_above_their_own(
    system: System, organizer: Organizer, other: Organizer, known: bool
) -> None:
    admin = await system.person(organizer.tenant_id, Role.ADMIN)
    body = newcomer(role="owner", **({"email": other.owner.email} if known else {}))
    response = await system.client.post(USERS, json=body, headers=admin.headers)
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    assert not known or other.owner.email not in response.text


@pytest.mark.parametrize(("target", "change"), [(Role.OWNER, "member"), (Role.MEMBER, "owner")])
async def test_an_admin_neither_makes_nor_unmakes_an_owner(
    system: System, organizer: Organizer, target: Role, change: str
) -> None:
    admin = await system.person(organizer.tenant_id, Role.ADMIN)
    person = await system.person(organizer.tenant_id, target)
    path = f"{USERS}/{person.user_id}"
    patched = await system.client.patch(path, json={"role": change}, headers=admin.headers)
    assert (patched.status_code, patched.json()["code"]) == (403, "forbidden")
    if target is Role.OWNER:
        assert (await system.client.delete(path, headers=admin.headers)).status_code == 403


async def test_an_admin_changes_bars_and_removes_those_below(system: System, organizer: Organizer) -> None:
    admin = await system.person(organizer.tenant_id, Role.ADMIN)
    person = await system.person(organizer.tenant_id, Role.MEMBER)
    path = f"{USERS}/{person.user_id}"
    promoted = await system.client.patch(path, json={"role": "admin"}, headers=admin.headers)
    assert (promoted.json()["role"], promoted.json()["version"]) == ("admin", 2)
    same = await system.client.patch(path, json={"role": "admin"}, headers=admin.headers)
    assert (same.status_code, same.json()["version"]) == (200, 2)
    barred = await system.client.patch(path, json={"is_active": False}, headers=admin.headers)
    assert barred.json()["is_active"] is False
    assert (await system.client.delete(path, headers=admin.headers)).status_code == 204
    gone = await system.client.get(path, headers=admin.headers)
    assert (gone.status_code, gone.json()["code"]) == (404, "user_not_found")
    assert (await system.client.delete(path, headers=admin.headers)).status_code == 404
    assert [
        row for row in await audit(system, organizer.tenant_id) if row[0] in ("member.changed", "member.removed")
    ] == [("member.changed", "done"), ("member.changed", "done"), ("member.removed", "done")]


async def test_who_was_barred_can_not_join_again_and_who_was_removed_comes_back_as_a_customer(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    person = await system.person(organizer.tenant_id, Role.ADMIN)
    path, headers = f"{USERS}/{person.user_id}", organizer.owner.headers
    elsewhere = {"X-Tenant-ID": other.slug}
    await system.client.post("/api/v1/auth/join", headers=person.headers | elsewhere)
    await system.client.patch(path, json={"is_active": False}, headers=headers)
    visiting = await system.signed_in(person.user_id, other.tenant_id, Role.CUSTOMER, person.email)
    back = visiting.headers | {"X-Tenant-ID": organizer.slug}
    assert (await system.client.post("/api/v1/auth/join", headers=back)).json()["code"] == "already_member"
    await system.client.delete(path, headers=headers)
    assert (await system.client.post("/api/v1/auth/join", headers=back)).status_code == 204
    me = (await system.client.get("/api/v1/auth/me", headers=back)).json()
    assert me["tenant"]["role"] == "customer"


@pytest.mark.parametrize("change", [{"role": "admin"}, {"is_active": False}])
async def test_the_last_owner_stays(system: System, organizer: Organizer, change: dict[str, object]) -> None:
    path, headers = f"{USERS}/{organizer.owner.user_id}", organizer.owner.headers
    patched = await system.client.patch(path, json=change, headers=headers)
    assert (patched.status_code, patched.json()["code"]) == (409, "last_owner")
    assert (await system.client.delete(path, headers=headers)).json()["code"] == "last_owner"
    closed = await system.client.delete(MINE, headers=headers)
    assert (closed.status_code, closed.json()["code"]) == (409, "sole_owner")
    second = await system.person(organizer.tenant_id, Role.OWNER)
    assert (await system.client.patch(path, json=change, headers=second.headers)).status_code == 200


async def test_an_owner_whose_account_is_closed_does_not_count(system: System, organizer: Organizer) -> None:
    second = await system.person(organizer.tenant_id, Role.OWNER)
    assert (await system.client.delete(MINE, headers=second.headers)).status_code == 204
    path, headers = f"{USERS}/{organizer.owner.user_id}", organizer.owner.headers
    assert (await system.client.patch(path, json={"role": "admin"}, headers=headers)).json()["code"] == "last_owner"
    assert (await system.client.delete(MINE, headers=headers)).json()["code"] == "sole_owner"


async def test_an_owner_who_was_only_asked_does_not_count_and_is_not_held(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    asked = await system.person(other.tenant_id, Role.CUSTOMER)
    assert (await add(system, organizer, email=asked.email, role="owner")).status_code == 201
    path, headers = f"{USERS}/{organizer.owner.user_id}", organizer.owner.headers
    assert (await system.client.patch(path, json={"role": "admin"}, headers=headers)).json()["code"] == "last_owner"
    assert (await system.client.delete(MINE, headers=asked.headers)).status_code == 204


@pytest.mark.parametrize("body", [{"email": "new@example.com"}, {"full_name": "x"}, {"password": PASSWORD}])
async def test_a_tenant_s_admins_can_not_touch_the_account(
    system: System, organizer: Organizer, body: dict[str, str]
) -> None:
    person = await system.person(organizer.tenant_id, Role.MEMBER)
    path = f"{USERS}/{person.user_id}"
    for method in ("PATCH", "PUT"):
        response = await system.client.request(method, path, json=body, headers=organizer.owner.headers)
        assert response.status_code == (422 if method == "PATCH" else 405)
    assert (await login(system, person.email, PASSWORD)).status_code == 200


@pytest.mark.parametrize("field", ["id", "is_superuser", "tenant_id", "version", "accepted_at", "password_hash"])
async def test_what_is_not_writable_is_refused_in_every_body(system: System, organizer: Organizer, field: str) -> None:
    headers = organizer.owner.headers
    calls: list[tuple[str, str, dict[str, object]]] = [
        ("POST", USERS, newcomer()),
        ("PATCH", f"{USERS}/{organizer.owner.user_id}", {"role": "owner"}),
        ("PUT", MINE, {"full_name": "Ada"}),
        ("PATCH", MINE, {"full_name": "Ada"}),
    ]
    for method, path, body in calls:
        response = await system.client.request(method, path, json=body | {field: True}, headers=headers)
        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == f"/{field}"


@pytest.mark.parametrize("body", [{"role": None}, {"is_active": None}, {"is_active": "yes"}, {"role": "god"}])
async def test_a_change_that_means_nothing_is_refused(
    system: System, organizer: Organizer, body: dict[str, object]
) -> None:
    path = f"{USERS}/{organizer.owner.user_id}"
    assert (await system.client.patch(path, json=body, headers=organizer.owner.headers)).status_code == 422


async def test_a_change_expects_the_version_that_was_read(system: System, organizer: Organizer) -> None:
    person = await system.person(organizer.tenant_id, Role.MEMBER)
    path, headers = f"{USERS}/{person.user_id}", organizer.owner.headers
    tag = (await system.client.get(path, headers=headers)).headers["ETag"]
    assert (await system.client.get(path, headers=headers | {"If-None-Match": tag})).status_code == 304
    changed = await system.client.patch(path, json={"role": "customer"}, headers=headers | {"If-Match": tag})
    assert changed.status_code == 200
    for stale in (tag, '"1"', "1", 'W/"2"'):
        for method in ("PATCH", "DELETE"):
            body = {"role": "member"} if method == "PATCH" else None
            response = await system.client.request(method, path, json=body, headers=headers | {"If-Match": stale})
            assert (response.status_code, response.json()["code"]) == (412, "stale_version")
    for current in ("*", '"2"', changed.headers["ETag"]):
        response = await system.client.patch(path, json={"role": "customer"}, headers=headers | {"If-Match": current})
        assert response.status_code == 200


async def test_the_own_account_is_read_renamed_and_closed(system: System, organizer: Organizer) -> None:
    person = await system.person(organizer.tenant_id, Role.CUSTOMER)
    profile = await system.client.get(MINE, headers=person.headers)
    assert {**profile.json(), "created_at": "", "updated_at": ""} == {
        "id": str(person.user_id),
        "email": person.email,
        "full_name": "The customer",
        "is_active": True,
        "role": "customer",
        "created_at": "",
        "updated_at": "",
        "version": 1,
    }
    put = await system.client.put(MINE, json={"full_name": " Ada King "}, headers=person.headers)
    assert (put.json()["full_name"], put.json()["version"]) == ("Ada King", 2)
    assert (await system.client.put(MINE, json={}, headers=person.headers)).status_code == 422
    nothing = await system.client.patch(MINE, json={}, headers=person.headers)
    assert (nothing.status_code, nothing.json()["version"]) == (200, 2)
    stale = await system.client.patch(
        MINE, json={"full_name": "A"}, headers=person.headers | {"If-Match": profile.headers["ETag"]}
    )
    assert stale.status_code == 412
    patched = await system.client.patch(MINE, json={"full_name": "Ada"}, headers=person.headers | {"If-Match": '"2"'})
    assert patched.json()["version"] == 3
    assert (await system.client.delete(MINE, headers=person.headers | {"If-Match": '"2"'})).status_code == 412
    assert (await system.client.delete(MINE, headers=person.headers)).status_code == 204
    assert (await login(system, person.email, PASSWORD)).status_code == 401
    assert await value(system, "SELECT is_active FROM users WHERE id = $1", person.user_id) is False


async def test_an_account_closed_meanwhile_can_not_be_closed_again(system: System, organizer: Organizer) -> None:
    """A process that has not heard of it yet still takes the token; the account's own rule refuses."""
    person = await system.person(organizer.tenant_id, Role.CUSTOMER)
    await system.client.delete(MINE, headers=person.headers)
    system.application.revocations._ended.clear()
    response = await system.client.delete(MINE, headers=person.headers)
    assert (response.status_code, response.json()["code"]) == (404, "account_not_found")
