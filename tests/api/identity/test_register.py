from __future__ import annotations

from uuid import uuid4

import pytest

from tests.support.owner import audit
from tests.support.system import PASSWORD, Organizer, System

REGISTER = "/api/v1/auth/register"


def newcomer(**fields: object) -> dict[str, object]:
    email = f"ada-{uuid4().hex}@example.com"
    return {"email": email, "password": "four words nobody guesses", "full_name": "Ada Lovelace"} | fields


async def test_whoever_registers_becomes_a_customer_of_the_tenant_in_the_header(
    system: System, organizer: Organizer
) -> None:
    body = newcomer()
    response = await system.client.post(REGISTER, json=body, headers={"X-Tenant-ID": organizer.slug})
    assert response.status_code == 201
    user = response.json()
    assert (user["email"], user["role"], user["is_active"], user["version"]) == (body["email"], "customer", True, 1)
    assert "password" not in response.text
    assert ("account.registered", "done") in await audit(system, organizer.tenant_id)
    shown = await system.client.get(f"/api/v1/users/{user['id']}", headers=organizer.owner.headers)
    assert shown.json() == user


async def test_without_a_header_the_default_tenant_is_joined(system: System) -> None:
    body = newcomer()
    assert (await system.client.post(REGISTER, json=body)).status_code == 201
    tokens = await system.client.post("/api/v1/auth/login", json={k: body[k] for k in ("email", "password")})
    headers = {"Authorization": f"Bearer {tokens.json()['access_token']}"}
    me = (await system.client.get("/api/v1/auth/me", headers=headers)).json()
    assert (me["tenant"]["slug"], me["tenant"]["role"]) == ("default-tenant", "customer")


@pytest.mark.parametrize("spelling", [str, str.upper])
async def test_one_address_has_one_account_in_whatever_case(system: System, spelling: type[str]) -> None:
    body = newcomer()
    assert (await system.client.post(REGISTER, json=body)).status_code == 201
    again = await system.client.post(REGISTER, json=body | {"email": spelling(str(body["email"]))})
    assert (again.status_code, again.json()["code"]) == (409, "email_taken")
    assert str(body["email"]) not in again.text


@pytest.mark.parametrize(("password", "code"), [("password1234", "common_password"), ("ada lovelace1", "context_word")])
async def test_a_password_others_would_guess_is_refused_and_not_repeated(
    system: System, password: str, code: str
) -> None:
    response = await system.client.post(REGISTER, json=newcomer(password=password))
    assert (response.status_code, response.json()["code"]) == (422, "weak_password")
    assert response.json()["errors"][0] | {"detail": ""} == {"pointer": "/password", "code": code, "detail": ""}
    assert password not in response.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no-address"),
        ("email", "a@b"),
        ("password", "eleven char"),
        ("password", "x" * 257),
        ("full_name", "   "),
        ("full_name", "x" * 201),
        ("is_superuser", True),
        ("role", "owner"),
        ("id", "01936f5e-0000-7000-8000-000000000001"),
    ],
)
async def test_a_field_that_is_wrong_or_not_writable_is_named(system: System, field: str, value: object) -> None:
    response = await system.client.post(REGISTER, json=newcomer(**{field: value}))
    assert (response.status_code, response.json()["code"]) == (422, "validation_failed")
    assert [error["pointer"] for error in response.json()["errors"]] == [f"/{field}"]


async def test_a_password_is_taken_as_it_is_and_names_are_trimmed(system: System) -> None:
    body = newcomer(password="  spaces count at both ends  ", full_name="  Ada  ")
    assert (await system.client.post(REGISTER, json=body)).json()["full_name"] == "Ada"
    login = {"email": body["email"], "password": "spaces count at both ends"}
    assert (await system.client.post("/api/v1/auth/login", json=login)).status_code == 401
    login["password"] = body["password"]
    assert (await system.client.post("/api/v1/auth/login", json=login)).status_code == 200


@pytest.mark.parametrize("name", ["no-such-tenant", "4fd00fbf-9656-413a-a386-63e5c0ac4add", "x" * 300, "Größe"])
async def test_a_tenant_that_does_not_exist_can_not_be_joined(system: System, name: str) -> None:
    response = await system.client.post(REGISTER, json=newcomer(), headers={b"X-Tenant-ID": name.encode()})
    assert (response.status_code, response.json()["code"]) == (403, "tenant_mismatch")


async def test_a_repeat_with_the_same_key_gets_the_same_bytes(system: System, organizer: Organizer) -> None:
    headers = {"X-Tenant-ID": organizer.slug, "Idempotency-Key": uuid4().hex}
    body = newcomer(password=PASSWORD)
    first = await system.client.post(REGISTER, json=body, headers=headers)
    second = await system.client.post(REGISTER, json=body, headers=headers)
    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["Idempotency-Replayed"] == "true"
    other = await system.client.post(REGISTER, json=newcomer(), headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


@pytest.mark.parametrize("key", ["", "x" * 256, "é"])
async def test_a_key_that_can_not_be_stored_is_refused(system: System, key: str) -> None:
    response = await system.client.post(REGISTER, json=newcomer(), headers={b"Idempotency-Key": key.encode("latin-1")})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_idempotency_key")
