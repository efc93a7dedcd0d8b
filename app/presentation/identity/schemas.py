from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from app.application.tenancy.contracts import Role
from app.presentation.fields import UNSET, Body, Email, Name, Password, Patch

Secret = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
AnyPassword = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class RegisterIn(Body):
    email: Email
    password: Password
    full_name: Name


class LoginIn(Body):
    """`otp` is taken for accounts with a second factor."""

    email: Email
    password: AnyPassword
    otp: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")] | None = None
    device_name: Name | None = None


class RefreshIn(Body):
    refresh_token: Secret


class UserIn(Body):
    """Without a password the account can be signed in to once its owner has set one."""

    email: Email
    password: Password | None = None
    full_name: Name
    role: Role


class ProfilePut(Body):
    full_name: Name


class ProfilePatch(Patch):
    full_name: Name = UNSET


REGISTER_IN = {"email": "ada@example.com", "password": "correct horse battery staple", "full_name": "Ada Lovelace"}
LOGIN_IN = {"email": "ada@example.com", "password": "correct horse battery staple", "device_name": "Ada's phone"}
TOKENS = {
    "access_token": "eyJhbGciOiJIUzI1NiIsImtpZCI6…",
    "refresh_token": "htr_AZNvXnwaf1KdDj9qGyxNXg…",
    "token_type": "bearer",
    "expires_in": 900,
}
USER = {
    "id": "01936f5e-0000-7000-8000-000000000001",
    "email": "ada@example.com",
    "full_name": "Ada Lovelace",
    "is_active": True,
    "role": "customer",
    "created_at": "2026-11-21T10:00:00Z",
    "updated_at": "2026-11-21T10:00:00Z",
    "version": 1,
}
ME = {
    "id": "01936f5e-0000-7000-8000-000000000001",
    "email": "ada@example.com",
    "full_name": "Ada Lovelace",
    "is_superuser": False,
    "tenant": {
        "id": "01936f5d-0000-7000-8000-000000000001",
        "slug": "default-tenant",
        "name": "Default tenant",
        "role": "customer",
    },
    "permissions": ["orders:cancel", "orders:place", "orders:read", "products:read", "tenants:read"],
}
