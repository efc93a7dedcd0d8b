"""ETags: what a client has need not be sent again, and what it has not seen it can not overwrite."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.support.system import Organizer, System


@pytest.fixture
async def path(system: System, organizer: Organizer) -> str:
    return f"/api/v1/products/{(await system.product(organizer, name='Before', capacity=9)).id}"


async def test_a_get_that_names_what_it_has_is_answered_304(system: System, organizer: Organizer, path: str) -> None:
    headers = organizer.owner.headers
    etag = (await system.client.get(path, headers=headers)).headers["etag"]
    for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        answer = await system.client.get(path, headers=headers | {"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    for unknown in ('"1"', '"other"', etag.strip('"')):
        assert (await system.client.get(path, headers=headers | {"If-None-Match": unknown})).status_code == 200


async def test_a_stock_movement_is_another_etag_but_no_other_version(
    system: System, organizer: Organizer, path: str
) -> None:
    headers = organizer.owner.headers
    before = await system.client.get(path, headers=headers)
    await system.place(organizer.owner, before.json()["id"])
    after = await system.client.get(path, headers=headers)

    assert before.headers["etag"] != after.headers["etag"]
    assert before.json()["version"] == after.json()["version"]
    answer = await system.client.patch(path, json={"name": "x"}, headers=headers | {"If-Match": before.headers["etag"]})
    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("named", ["etag", '"1"', "*", None])
async def test_the_current_version_may_be_named_in_every_way(
    system: System, organizer: Organizer, path: str, method: str, named: str | None
) -> None:
    headers = organizer.owner.headers
    if named == "etag":
        named = (await system.client.get(path, headers=headers)).headers["etag"]
    condition = {"If-Match": named} if named else {}

    answer = await system.client.request(
        method, path, json={"name": "x"} if method == "PATCH" else None, headers=headers | condition
    )

    assert answer.status_code in {200, 204}


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("named", ["etag", '"1"', '"3"', "1", 'W/"2"', '""', '"2-xyz"', '"2", "3"', "nonsense"])
async def test_another_version_is_stale(
    system: System, organizer: Organizer, path: str, method: str, named: str
) -> None:
    headers = organizer.owner.headers
    if named == "etag":
        named = (await system.client.get(path, headers=headers)).headers["etag"]
    await system.client.patch(path, json={"name": "Since then"}, headers=headers)

    answer = await system.client.request(
        method, path, json={"name": "x"} if method == "PATCH" else None, headers=headers | {"If-Match": named}
    )

    assert (answer.status_code, answer.json()["code"]) == (412, "stale_version")
    assert (await system.client.get(path, headers=headers)).json()["name"] == "Since then"


async def test_of_twenty_edits_with_one_etag_one_wins(system: System, organizer: Organizer, path: str) -> None:
    headers = organizer.owner.headers
    headers = headers | {"If-Match": (await system.client.get(path, headers=headers)).headers["etag"]}

    answers = await asyncio.gather(
        *(system.client.patch(path, json={"name": f"Edit {n}"}, headers=headers) for n in range(20))
    )

    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    lost = Counter((answer.status_code, answer.json()["code"]) for answer in answers if answer not in won)
    assert set(lost) <= {(412, "stale_version"), (409, "concurrent_change")}
    now = (await system.client.get(path, headers=organizer.owner.headers)).json()
    assert (now["version"], now["name"]) == (2, won[0].json()["name"])


async def test_without_an_etag_edits_one_after_the_other_all_win(
    system: System, organizer: Organizer, path: str
) -> None:
    """The twin: it is the condition that stops them."""
    for n in range(3):
        answer = await system.client.patch(path, json={"name": f"Edit {n}"}, headers=organizer.owner.headers)
        assert answer.json()["version"] == n + 2
