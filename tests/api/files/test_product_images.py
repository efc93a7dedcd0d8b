"""The way of an image: put, shown, led to, read, replaced and removed; in a folder and in a bucket."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.application.files.ports import FileLinks, Storage
from app.application.tenancy.contracts import Role
from app.domain.catalog.product import ProductStatus
from app.infrastructure.database.addresses import Addresses
from app.infrastructure.storage.local import LocalStorage
from app.shared.ids import FileId, TenantId
from app.shared.settings import Settings
from tests.support.storages import gif, jpeg, png, webp
from tests.support.system import Organizer, System, running

PNG = {"Content-Type": "image/png"}


@pytest.fixture(params=["folder", "bucket"])
async def system(request: pytest.FixtureRequest, settings: Settings, addresses: Addresses) -> AsyncGenerator[System]:
    """Everything in this file holds wherever the bytes lie."""
    chosen = request.getfixturevalue("s3_settings") if request.param == "bucket" else settings
    async with running(chosen, addresses) as system:
        yield system


def path(product_id: UUID) -> str:
    return f"/api/v1/products/{product_id}/image"


async def put(
    system: System, organizer: Organizer, product_id: UUID, body: bytes | AsyncIterator[bytes], **headers: str
) -> httpx.Response:
    sent = organizer.owner.headers | PNG | {name.replace("_", "-"): value for name, value in headers.items()}
    return await system.client.put(path(product_id), content=body, headers=sent)


async def get(system: System, organizer: Organizer, product_id: UUID) -> httpx.Response:
    return await system.client.get(path(product_id), headers={"X-Tenant-ID": organizer.slug})


async def follow(system: System, link: str) -> httpx.Response:
    """A link of ours is asked of the application, a bucket's of the bucket."""
    if "/api/v1/files/" in link:
        return await system.client.get(link)
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(link)


async def image_url(system: System, organizer: Organizer, product_id: UUID) -> Any:
    answer = await system.client.get(f"/api/v1/products/{product_id}", headers=organizer.owner.headers)
    return answer.json()["image_url"]


def refused(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def kept(system: System) -> list[str]:
    """Every key in the storage, however young."""
    from datetime import UTC, datetime, timedelta

    storage: Storage = system.application.container.resolve(Storage)
    return [key async for batch in storage.older(datetime.now(UTC) + timedelta(hours=1)) for key in batch]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("image/png", png(640, 480, bytes(range(256)) * 4_000)),
        ("image/jpeg", jpeg(640, 480)),
        ("image/webp", webp(b"VP8 ", 640, 480)),
        ("image/gif", gif(640, 480)),
    ],
    ids=["png", "jpeg", "webp", "gif"],
)
async def test_an_image_reads_back_byte_for_byte(
    system: System, organizer: Organizer, content_type: str, body: bytes
) -> None:
    product = await system.product(organizer)
    made = await put(system, organizer, product.id, body, Content_Type=content_type)
    digest = sha256(body).hexdigest()
    assert made.status_code == 201
    assert made.headers["location"] == path(product.id)
    told = made.json()
    assert (told["sha256"], told["size_bytes"], told["content_type"]) == (digest, len(body), content_type)
    assert (told["width"], told["height"]) == (640, 480)
    led = await get(system, organizer, product.id)
    assert led.status_code == 307
    read = await follow(system, led.headers["location"])
    assert (read.status_code, read.headers["content-type"]) == (200, content_type)
    assert read.content == body
    assert await image_url(system, organizer, product.id) == path(product.id)


async def test_a_product_without_an_image_says_so(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    assert await image_url(system, organizer, product.id) is None
    assert refused(await get(system, organizer, product.id)) == (404, "file_not_found")
    gone = await system.client.delete(path(product.id), headers=organizer.owner.headers)
    assert refused(gone) == (404, "file_not_found")


async def test_another_image_replaces_the_first(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    first = (await put(system, organizer, product.id, png(1, 1))).json()
    second = await put(system, organizer, product.id, png(2, 2))
    assert (second.status_code, second.json()["width"]) == (200, 2)
    assert second.json()["id"] != first["id"]
    read = await follow(system, (await get(system, organizer, product.id)).headers["location"])
    assert read.content == png(2, 2)


async def test_the_same_bytes_again_are_the_same_image(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    first = await put(system, organizer, product.id, png())
    again = await put(system, organizer, product.id, png())
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert len(await kept(system)) == 1


async def test_a_removed_image_is_gone(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    await put(system, organizer, product.id, png())
    removed = await system.client.delete(path(product.id), headers=organizer.owner.headers)
    assert removed.status_code == 204
    assert refused(await get(system, organizer, product.id)) == (404, "file_not_found")
    assert await image_url(system, organizer, product.id) is None


async def test_equal_keys_get_the_same_answer_and_other_bytes_a_refusal(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    first = await put(system, organizer, product.id, png(), Idempotency_Key="put-1")
    again = await put(system, organizer, product.id, png(), Idempotency_Key="put-1")
    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    other = await put(system, organizer, product.id, png(2, 2), Idempotency_Key="put-1")
    assert refused(other) == (422, "idempotency_mismatch")
    for replayed in (None, "true"):
        keyed = organizer.owner.headers | {"Idempotency-Key": "delete-1"}
        removed = await system.client.delete(path(product.id), headers=keyed)
        assert (removed.status_code, removed.headers.get("idempotency-replayed")) == (204, replayed)


async def test_the_image_counts_as_a_version_of_the_product(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    stale = await put(system, organizer, product.id, png(), If_Match='"7"')
    assert refused(stale) == (412, "stale_version")
    assert (await put(system, organizer, product.id, png(), If_Match='"1"')).status_code == 201
    headers = organizer.owner.headers | {"If-Match": '"1"'}
    assert refused(await system.client.delete(path(product.id), headers=headers)) == (412, "stale_version")


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>", (415, "unsupported_media_type")),
        ("text/html", b"<html>", (415, "unsupported_media_type")),
        ("application/octet-stream", png(), (415, "unsupported_media_type")),
        ("application/json", b"{}", (415, "unsupported_media_type")),
        ("multipart/form-data; boundary=x", b"--x--", (415, "unsupported_media_type")),
        ("image/jpeg", png(), (415, "wrong_content")),
        ("image/png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", (415, "wrong_content")),
        ("image/png", b"GIF89a" + png(), (415, "wrong_content")),
        ("image/png", b"", (422, "empty_file")),
        ("image/png", png(10_001, 1), (422, "image_out_of_bounds")),
        ("image/png", png(1, 2**32 - 1), (422, "image_out_of_bounds")),
    ],
)
async def test_what_is_no_image_of_its_type_is_refused_and_not_kept(
    system: System, organizer: Organizer, content_type: str, body: bytes, expected: tuple[int, str]
) -> None:
    product = await system.product(organizer)
    answer = await put(system, organizer, product.id, body, Content_Type=content_type)
    assert refused(answer) == expected
    assert await kept(system) == []
    assert await image_url(system, organizer, product.id) is None


async def test_parameters_and_case_of_the_type_do_not_matter(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    answer = await put(system, organizer, product.id, png(), Content_Type="Image/PNG; name=x")
    assert (answer.status_code, answer.json()["content_type"]) == (201, "image/png")


async def test_two_types_are_none(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    twice = [*organizer.owner.headers.items(), ("Content-Type", "image/png"), ("Content-Type", "image/png")]
    answer = await system.client.put(path(product.id), content=png(), headers=twice)
    assert refused(answer) == (415, "unsupported_media_type")


async def in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def filled(size: int) -> bytes:
    return png(3, 2, bytes(size - len(png())))


async def test_the_limit_is_the_upload_s_own_and_counts_to_the_byte(system: System, organizer: Organizer) -> None:
    most = system.settings.max_upload_bytes
    assert most > system.settings.max_body_bytes
    product = await system.product(organizer)
    assert (await put(system, organizer, product.id, filled(most))).status_code == 201
    assert refused(await put(system, organizer, product.id, filled(most + 1))) == (413, "body_too_large")
    assert len(await kept(system)) == 1


async def test_a_body_without_a_length_is_counted_on_its_way(system: System, organizer: Organizer) -> None:
    most = system.settings.max_upload_bytes
    product = await system.product(organizer)
    body = filled(most)
    halves = in_pieces(body[: most // 2], body[most // 2 :])
    assert (await put(system, organizer, product.id, halves)).status_code == 201
    asked: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            asked.append(1)
            yield bytes(1_048_576)

    assert refused(await put(system, organizer, product.id, endless())) == (413, "body_too_large")
    assert len(asked) <= most // 1_048_576 + 1
    assert len(await kept(system)) == 1


async def test_other_routes_keep_their_own_limit(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    body = filled(system.settings.max_body_bytes + 1)
    for method, target in (("PUT", "/api/v1/users/me"), ("POST", path(product.id)), ("PUT", path(product.id) + "/x")):
        answer = await system.client.request(method, target, content=body, headers=organizer.owner.headers | PNG)
        assert refused(answer) == (413, "body_too_large"), target


async def test_a_compressed_image_is_refused(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    answer = await put(system, organizer, product.id, png(), Content_Encoding="gzip")
    assert refused(answer) == (415, "unsupported_encoding")


async def test_a_stranger_s_body_is_never_read(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    asked: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        asked.append(1)
        yield png()

    customer = await system.person(organizer.tenant_id, Role.CUSTOMER)
    for headers, expected in (({}, 401), (customer.headers, 403)):
        answer = await system.client.put(path(product.id), content=body(), headers=headers | PNG)
        assert answer.status_code == expected
    assert asked == []


async def test_another_tenant_s_product_is_like_none(system: System, organizer: Organizer, other: Organizer) -> None:
    product = await system.product(organizer)
    await put(system, organizer, product.id, png())
    before = await kept(system)
    for product_id in (product.id, uuid4()):
        answers = [
            await put(system, other, product_id, png(2, 2)),
            await get(system, other, product_id),
            await system.client.delete(path(product_id), headers=other.owner.headers),
        ]
        assert [refused(answer) for answer in answers] == [(404, "product_not_found")] * 3
    assert await kept(system) == before


async def test_buyers_see_images_of_active_products_only(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer, status=ProductStatus.DRAFT)
    await put(system, organizer, product.id, png())
    assert refused(await get(system, organizer, product.id)) == (404, "product_not_found")
    staff = await system.client.get(path(product.id), headers=organizer.owner.headers)
    assert staff.status_code == 307


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "x.php", "a; Set-Cookie: x=1", "<script>"],
)
async def test_file_names_are_not_listened_to(system: System, organizer: Organizer, name: str) -> None:
    product = await system.product(organizer)
    answer = await put(
        system, organizer, product.id, png(), Content_Disposition=f'attachment; filename="{name}"', X_File_Name=name
    )
    assert answer.status_code == 201
    file_id = answer.json()["id"]
    (key,) = await kept(system)
    assert key == f"{organizer.tenant_id}/{file_id.replace('-', '')[-2:]}/{file_id}"
    read = await follow(system, (await get(system, organizer, product.id)).headers["location"])
    assert read.headers["content-disposition"].startswith(f'inline; filename="{file_id}')


async def test_our_own_link_serves_a_bucket_s_bytes_as_well(system: System, organizer: Organizer) -> None:
    """Links that were signed before the storage was moved stay good."""
    product = await system.product(organizer)
    file_id = (await put(system, organizer, product.id, png())).json()["id"]
    read = await system.client.get(our_link(system, organizer.tenant_id, file_id))
    assert (read.status_code, read.content) == (200, png())


def our_link(system: System, tenant_id: TenantId, file_id: str, minutes: float = 5) -> str:
    from datetime import timedelta

    links: FileLinks = system.application.container.resolve(FileLinks)
    return links.url(tenant_id, FileId(UUID(file_id)), timedelta(minutes=minutes))


async def test_bytes_that_are_lost_are_a_plain_404(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    file_id = (await put(system, organizer, product.id, png())).json()["id"]
    storage: Storage = system.application.container.resolve(Storage)
    for key in await kept(system):
        await storage.delete(key)
    assert refused(await system.client.get(our_link(system, organizer.tenant_id, file_id))) == (404, "file_not_found")


async def test_a_storage_that_is_down_is_said_so_and_leaves_nothing_behind(
    system: System, organizer: Organizer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    product = await system.product(organizer)
    storage = system.application.container.resolve(Storage)
    if isinstance(storage, LocalStorage):
        folder = tmp_path / "a file where the folder should be"
        folder.write_bytes(b"")
        monkeypatch.setattr(storage, "_folder", folder)
    else:
        from app.infrastructure.storage.s3 import s3_store

        dead = system.settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:1"})
        monkeypatch.setattr(storage, "_store", s3_store(dead))
    answer = await put(system, organizer, product.id, png())
    assert refused(answer) == (503, "storage_unavailable")
    assert answer.headers["retry-after"] == "5"
    assert await image_url(system, organizer, product.id) is None
    monkeypatch.undo()
    assert await kept(system) == []
    assert (await put(system, organizer, product.id, png())).status_code == 201
