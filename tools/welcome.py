"""What the operator reads when everything runs."""

from __future__ import annotations

import json
import os
import shlex
from typing import Protocol
from uuid import UUID

from app.shared.settings import Settings

PROXIES = ("http_proxy", "all_proxy", "ALL_PROXY")


class Demo(Protocol):
    """The demo tenant's staff and one product on sale there."""

    @property
    def email(self) -> str: ...
    @property
    def password(self) -> str: ...
    @property
    def tenant(self) -> str: ...
    @property
    def product_id(self) -> UUID | str: ...


def reachable_host(host: str) -> str:
    """An address to connect to: "every interface" is one to listen on only."""
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # not bound, replaced


def base_url(settings: Settings) -> str:
    host = reachable_host(settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def welcome(settings: Settings, demo: Demo | None) -> str:
    url = base_url(settings)
    lines = ["", f"Hello Ticket is ready at {url}"]
    if not settings.production:
        lines.append(f"  API documentation   {url}/docs")
    if demo is not None:
        lines.append(f"  Demo sign-in        {demo.email}  {demo.password}  (tenant {demo.tenant})")
        lines += ["  Place an order, pasted into a terminal:", "", *first_order(url, demo)]
    lines += ["", "Ctrl-C stops it.", ""]
    return "\n".join(lines)


def first_order(url: str, demo: Demo) -> tuple[str, str]:
    """Two lines of shell that need nothing but curl and sed."""
    curl = "curl -sS --noproxy '*'" if any(os.environ.get(name) for name in PROXIES) else "curl -sS"
    sign_in = {"email": demo.email, "password": demo.password}
    order = {
        "customer": {"email": "buyer@example.com", "name": "First Buyer"},
        "items": [{"product_id": str(demo.product_id), "quantity": 1}],
    }
    extract = r"""sed -E 's/.*"access_token": *"([^"]+)".*/\1/'"""
    tenant = f"-H {shlex.quote(f'X-Tenant-ID: {demo.tenant}')}"
    bearer = '-H "Authorization: Bearer $TOKEN"'
    return (
        f"TOKEN=$({curl} {url}/api/v1/auth/login {tenant} {_json(sign_in)} | {extract})",
        f"{curl} {url}/api/v1/orders {bearer} {tenant} {_json(order)}",
    )


def _json(body: object) -> str:
    return f"-H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body, separators=(',', ':')))}"
