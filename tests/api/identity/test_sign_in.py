from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.application.tenancy.contracts import Role
from app.shared.ids import NOBODY
from tests.support.owner import audit, rows, value
from tests.support.system import PASSWORD, Organizer, Person, System

LOGIN, TOKEN, ME = "/api/v1/auth/login", "/api/v1/auth/token", "/api/v1/auth/me"


async def login(system: System, email: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return await system.client.post(LOGIN, json={"email": email, "password": password}, headers=named)


async def me(system: System, response: httpx.Response) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {response.json()['access_token']}"}
    found: dict[str, Any] = (await system.client.get(ME, headers=headers)).json()
    return found


def without_id(response: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    return body | {"request_id": ""}


async def test_address_and_password_give_a_pair_that_works(system: System, organizer: Organizer) -> None:
    response = await login(system, organizer.owner.email.upper())
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
    assert (response.json()["token_type"], response.json()["expires_in"]) == ("bearer", 900)
    who = await me(system, response)
    assert who["id"] == str(organizer.owner.user_id)
    assert who["tenant"] == {
        "id": str(organizer.tenant_id),
        "slug": organizer.slug,
        "name": organizer.slug,
        "role": "owner",
    }
    assert "users:admin" in who["permissions"]
    assert not who["is_superuser"]


async def test_the_oauth2_form_signs_in_too_and_takes_the_standard_s_other_fields(
    system: System, organizer: Organizer
) -> None:
    form = {"username": organizer.owner.email, "password": PASSWORD, "grant_type": "password", "scope": "a b"}
    form |= {"client_id": "shop", "client_secret": "x", "otp": "123456"}
    response = await system.client.post(TOKEN, data=form)
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
    assert (await me(system, response))["tenant"]["role"] == "owner"


@pytest.mark.parametrize(
    "form",
    [{"username": "a@example.com"}, {"username": "a@example.com", "password": "x", "grant_type": "refresh_token"}],
)
async def test_a_form_with_something_missing_or_unknown_is_422(system: System, form: dict[str, str]) -> None:
    response = await system.client.post(TOKEN, data=form)
    assert (response.status_code, response.json()["code"]) == (422, "validation_failed")


async def test_json_on_the_form_route_is_415(system: System) -> None:
    response = await system.client.post(TOKEN, json={"username": "a", "password": "b"})
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


async def test_a_wrong_password_an_unknown_address_and_a_closed_account_look_the_same(
    system: System, organizer: Organizer
) -> None:
    closed = await system.person(organizer.tenant_id, Role.CUSTOMER)
    gone = await system.client.delete("/api/v1/users/me", headers=closed.headers)
    assert gone.status_code == 204
    tried = [
        await login(system, organizer.owner.email, "a wrong password", X_Tenant_ID=organizer.slug),
        await login(system, f"nobody-{uuid4().hex}@example.com", X_Tenant_ID=organizer.slug),
        await login(system, closed.email, X_Tenant_ID=organizer.slug),
    ]
    assert [response.status_code for response in tried] == [401, 401, 401]
    assert without_id(tried[0]) == without_id(tried[1]) == without_id(tried[2])
    assert tried[0].json()["code"] == "invalid_credentials"
    assert tried[0].headers["WWW-Authenticate"] == "Bearer"
    assert {*tried[0].headers} == {*tried[1].headers} == {*tried[2].headers}


async def test_every_failed_sign_in_leaves_an_audit_row(system: System, organizer: Organizer) -> None:
    await login(system, organizer.owner.email, "a wrong password", X_Tenant_ID=organizer.slug)
    await login(system, f"nobody-{uuid4().hex}@example.com", X_Tenant_ID=organizer.slug)
    refused = await rows(
        system,
        "SELECT target_id FROM audit_log WHERE tenant_id = $1 AND action = 'session.open' AND outcome = 'refused' "
        "ORDER BY id",
        organizer.tenant_id,
    )
    assert refused == [(organizer.owner.user_id,), (NOBODY,)]
    await login(system, organizer.owner.email)
    assert (await audit(system, organizer.tenant_id))[-1] == ("session.opened", "done")


async def test_an_account_without_a_password_can_not_be_signed_in_to(system: System, organizer: Organizer) -> None:
    email = f"grace-{uuid4().hex}@example.com"
    body = {"email": email, "full_name": "Grace", "role": "member"}
    added = await system.client.post("/api/v1/users", json=body, headers=organizer.owner.headers)
    assert added.status_code == 201
    assert (await login(system, email)).json()["code"] == "invalid_credentials"


async def test_an_outdated_hash_is_replaced_at_sign_in(system: System, organizer: Organizer) -> None:
    from passlib.hash import bcrypt

    who = organizer.owner.user_id
    old = bcrypt.using(rounds=4).hash(PASSWORD)
    await rows(system, "UPDATE credentials SET password_hash = $2 WHERE user_id = $1", who, old)
    assert (await login(system, organizer.owner.email)).status_code == 200
    new = await value(system, "SELECT password_hash FROM credentials WHERE user_id = $1", who)
    assert new.startswith("$bcrypt-sha256$v=2")
    assert (await login(system, organizer.owner.email)).status_code == 200


async def in_both(system: System, first: Organizer, second: Organizer) -> Person:
    """An admin of the first tenant who is a customer of the second."""
    person = await system.person(first.tenant_id, Role.ADMIN)
    joined = await system.client.post(
        "/api/v1/auth/join", headers=person.headers | {"X-Tenant-ID": str(second.tenant_id)}
    )
    assert joined.status_code == 204
    return person


async def test_the_header_picks_the_membership_at_sign_in(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    person = await in_both(system, organizer, other)
    for named, slug, role in (
        (organizer.slug, organizer.slug, "admin"),
        (str(other.tenant_id), other.slug, "customer"),
        (str(organizer.tenant_id).upper(), organizer.slug, "admin"),
    ):
        response = await login(system, person.email, X_Tenant_ID=named)
        assert (await me(system, response))["tenant"] | {"id": "", "name": ""} == {
            "id": "",
            "name": "",
            "slug": slug,
            "role": role,
        }


async def test_without_a_header_the_tenant_used_last_is_taken(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    person = await in_both(system, organizer, other)
    for used in (other, organizer, other):
        assert (await login(system, person.email, X_Tenant_ID=used.slug)).status_code == 200
        assert (await me(system, await login(system, person.email)))["tenant"]["slug"] == used.slug


async def test_the_password_is_checked_before_the_tenant_and_a_foreign_one_is_refused(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    email = organizer.owner.email
    assert (await login(system, email, "a wrong password", X_Tenant_ID=other.slug)).status_code == 401
    foreign = await login(system, email, X_Tenant_ID=other.slug)
    unknown = await login(system, email, X_Tenant_ID="no-such-tenant")
    assert (foreign.status_code, unknown.status_code) == (403, 403)
    assert foreign.json()["code"] == "tenant_mismatch"
    assert without_id(foreign) == without_id(unknown)


async def test_somebody_who_belongs_nowhere_signs_in_without_a_role(system: System, organizer: Organizer) -> None:
    person = await system.person(organizer.tenant_id, Role.MEMBER)
    removed = await system.client.delete(f"/api/v1/users/{person.user_id}", headers=organizer.owner.headers)
    assert removed.status_code == 204
    token = {"Authorization": f"Bearer {(await login(system, person.email)).json()['access_token']}"}
    assert (await system.client.get(ME, headers=token)).json()["tenant"]["role"] is None
    assert (await system.client.get("/api/v1/orders", headers=token)).status_code == 403


async def test_a_superuser_signs_in_anywhere_and_acts_only_where_the_header_says(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    root = await system.person(other.tenant_id, Role.CUSTOMER, is_superuser=True)
    visit = await login(system, root.email, X_Tenant_ID=organizer.slug)
    assert visit.status_code == 200
    token = {"Authorization": f"Bearer {visit.json()['access_token']}"}
    assert (await system.client.get("/api/v1/users", headers=token)).status_code == 403
    explicit = token | {"X-Tenant-ID": organizer.slug}
    assert (await system.client.get("/api/v1/users", headers=explicit)).status_code == 200
    silent = (await system.client.get(ME, headers=token)).json()
    assert (silent["is_superuser"], silent["tenant"]["role"], silent["permissions"]) == (True, None, ["products:read"])


async def test_what_a_superuser_does_is_marked_in_the_audit(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    root = await system.person(other.tenant_id, Role.CUSTOMER, is_superuser=True)
    headers = root.headers | {"X-Tenant-ID": organizer.slug}
    body = {"name": "A shirt", "kind": "merchandise", "price": {"amount": 1, "currency": "EUR"}}
    assert (await system.client.post("/api/v1/products", json=body, headers=headers)).status_code == 201
    sql = "SELECT is_superuser, actor_id FROM audit_log WHERE tenant_id = $1 AND action = 'product.created'"
    assert await rows(system, sql, organizer.tenant_id) == [(True, root.user_id)]


async def test_a_superuser_without_any_membership_lands_in_the_default_tenant(system: System) -> None:
    made = await system.organizer()
    root = await system.person(made.tenant_id, Role.CUSTOMER, is_superuser=True)
    await rows(system, "DELETE FROM memberships WHERE user_id = $1", root.user_id)
    assert (await me(system, await login(system, root.email)))["tenant"]["slug"] == "default-tenant"


async def test_device_address_and_agent_are_kept_with_the_session(system: System, organizer: Organizer) -> None:
    body = {"email": organizer.owner.email, "password": PASSWORD, "device_name": " Ada's phone "}
    await system.client.post(LOGIN, json=body, headers={"User-Agent": "Phone/1.0"})
    sql = "SELECT device_name, ip, user_agent FROM sessions WHERE tenant_id = $1 ORDER BY created_at DESC LIMIT 1"
    assert await rows(system, sql, organizer.tenant_id) == [("Ada's phone", "127.0.0.1", "Phone/1.0")]
