"""A wrong type in an organizer's script must not open a sale at once."""

from __future__ import annotations

import pytest

from tests.support.system import Organizer, System


@pytest.mark.parametrize(
    "written",
    [
        "1",
        "-1",
        "1700000000.5",
        "253402300800",
        "2026-11-21 10:00:00Z",
        "2026-11-21T10:00Z",
        "2026-11-21T10:00:00+0100",
    ],
)
async def test_a_time_is_written_as_rfc_3339_says(system: System, organizer: Organizer, written: str) -> None:
    product = await system.product(organizer)

    refused = await system.client.patch(
        f"/api/v1/products/{product.id}", json={"sale_starts_at": written}, headers=organizer.owner.headers
    )

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/sale_starts_at"


async def test_an_offset_is_taken_and_told_in_utc(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)

    taken = await system.client.patch(
        f"/api/v1/products/{product.id}",
        json={"sale_starts_at": "2026-11-21t10:00:00.5+01:00"},
        headers=organizer.owner.headers,
    )

    assert taken.json()["sale_starts_at"] == "2026-11-21T09:00:00.500000Z"
