from __future__ import annotations

import pytest

from tests.support.system import Organizer, System


@pytest.mark.parametrize("name", ["Authorization", "X-Tenant-ID", "Idempotency-Key", "If-Match"])
async def test_a_header_that_decides_comes_once(system: System, organizer: Organizer, name: str) -> None:
    headers = [*organizer.owner.headers.items(), ("Accept", "a"), ("Accept", "b")]
    assert (await system.client.get("/api/v1/products", headers=headers)).status_code == 200

    twice = [(key, value) for key, value in headers if key != name] + [(name, "one"), (name, "two")]
    refused = await system.client.get("/api/v1/products", headers=twice)

    assert (refused.status_code, refused.json()["code"]) == (400, "malformed_request")
