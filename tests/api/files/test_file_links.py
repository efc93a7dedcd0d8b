"""Signed links to files, as the application serves them itself."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from app.application.files.ports import FileLinks
from app.shared.ids import FileId, TenantId
from tests.support.storages import png
from tests.support.system import Organizer, System

BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


async def link_of(system: System, organizer: Organizer) -> str:
    product = await system.product(organizer)
    path = f"/api/v1/products/{product.id}/image"
    sent = organizer.owner.headers | {"Content-Type": "image/png"}
    assert (await system.client.put(path, content=png(), headers=sent)).status_code == 201
    led = await system.client.get(path, headers=organizer.owner.headers | {"Host": "evil.example"})
    return str(led.headers["location"])


def refused(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_a_link_begins_with_the_public_address_whatever_host_was_asked(
    system: System, organizer: Organizer
) -> None:
    assert (await link_of(system, organizer)).startswith(f"{system.settings.base_url}/api/v1/files/")


async def test_whoever_has_the_link_may_read_the_file(system: System, organizer: Organizer, other: Organizer) -> None:
    link = await link_of(system, organizer)
    for headers in ({}, other.owner.headers, {"X-Tenant-ID": other.slug}, {"Authorization": "Bearer nonsense"}):
        answer = await system.client.get(link, headers=headers)
        assert (answer.status_code, answer.content) == (200, png())


async def test_a_file_is_served_so_that_a_browser_runs_nothing_in_it(system: System, organizer: Organizer) -> None:
    answer = await system.client.get(await link_of(system, organizer))
    headers = answer.headers
    assert headers["content-type"] == "image/png"
    assert headers["content-length"] == str(len(png()))
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers["content-disposition"].startswith("inline; filename=")
    assert headers["content-disposition"].endswith('.png"')
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert headers.get_list("content-security-policy") == [headers["content-security-policy"]]


async def test_head_has_the_same_headers_and_no_body(system: System, organizer: Organizer) -> None:
    link = await link_of(system, organizer)
    head, full = await system.client.head(link), await system.client.get(link)
    assert (head.status_code, head.content) == (200, b"")
    changing = {"x-request-id", "traceparent"}
    assert {n: v for n, v in head.headers.items() if n not in changing} == {
        n: v for n, v in full.headers.items() if n not in changing
    }


async def test_a_link_that_was_changed_in_any_byte_is_refused(system: System, organizer: Organizer) -> None:
    link = await link_of(system, organizer)
    before, _, signature = link.rpartition("signature=")
    for at, character in enumerate(signature):
        other = BASE64URL[(BASE64URL.index(character) + 1) % 64]
        forged = f"{before}signature={signature[:at]}{other}{signature[at + 1 :]}"
        assert refused(await system.client.get(forged)) == (403, "invalid_link")
    expires = parse_qs(urlsplit(link).query)["expires"][0]
    for at, digit in enumerate(expires):
        later = expires[:at] + str((int(digit) + 1) % 10) + expires[at + 1 :]
        forged = link.replace(f"expires={expires}", f"expires={later}")
        assert refused(await system.client.get(forged)) == (403, "invalid_link")


async def test_a_link_is_for_its_file_only(system: System, organizer: Organizer) -> None:
    mine, theirs = await link_of(system, organizer), await link_of(system, organizer)
    mixed = f"{theirs.partition('?')[0]}?{mine.partition('?')[2]}"
    random = f"{mine.partition('/files/')[0]}/files/{uuid4()}?{mine.partition('?')[2]}"
    assert refused(await system.client.get(mixed)) == refused(await system.client.get(random)) == (403, "invalid_link")


async def test_an_expired_link_is_answered_like_a_forged_one(system: System, organizer: Organizer) -> None:
    link = await link_of(system, organizer)
    file_id = FileId(UUID(urlsplit(link).path.rpartition("/")[2]))
    links: FileLinks = system.application.container.resolve(FileLinks)
    expired = links.url(organizer.tenant_id, file_id, timedelta(seconds=-1))
    forged = link[:-1] + BASE64URL[(BASE64URL.index(link[-1]) + 1) % 64]
    answers = [await system.client.get(expired), await system.client.get(forged)]
    told = [answer.json() | {"request_id": ""} for answer in answers]
    assert refused(answers[0]) == (403, "invalid_link")
    assert told[0] == told[1]


async def test_a_link_of_another_tenant_finds_no_file(system: System, organizer: Organizer, other: Organizer) -> None:
    """Signed by us for the wrong tenant: row-level security has the last word."""
    link = await link_of(system, organizer)
    file_id = FileId(UUID(urlsplit(link).path.rpartition("/")[2]))
    links: FileLinks = system.application.container.resolve(FileLinks)
    for tenant_id in (other.tenant_id, TenantId(uuid4())):
        answer = await system.client.get(links.url(tenant_id, file_id, timedelta(minutes=1)))
        assert refused(answer) == (404, "file_not_found")


@pytest.mark.parametrize(
    "query", ["", "expires=1", "signature=x", "expires=1&signature=x&more=1", "expires=1&expires=2"]
)
async def test_a_link_with_parts_missing_or_more_is_invalid(system: System, query: str) -> None:
    answer = await system.client.get(f"/api/v1/files/{uuid4()}?{query}")
    assert refused(answer) == (422, "validation_failed")


async def test_a_replaced_image_s_link_leads_nowhere(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    path = f"/api/v1/products/{product.id}/image"
    sent = organizer.owner.headers | {"Content-Type": "image/png"}
    await system.client.put(path, content=png(), headers=sent)
    link = (await system.client.get(path, headers=organizer.owner.headers)).headers["location"]
    await system.client.put(path, content=png(2, 2), headers=sent)
    assert refused(await system.client.get(link)) == (404, "file_not_found")
