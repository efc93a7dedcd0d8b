"""What the database itself says about files, whatever the code does."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.application.events import PublishedEvent
from app.application.files.policies import ForgetFilesOfErased
from app.container import SystemClock, TimeOrderedIds
from app.domain.files.file import OwnerKind
from app.infrastructure.database.scope import Scope, UnitOfWork
from app.infrastructure.database.writer import Writes
from app.infrastructure.files.repository import SqlFileRepository
from app.shared.errors import ConcurrentChange
from app.shared.ids import NOBODY, FileId
from tests.support.builders import a_context
from tests.support.storages import png
from tests.support.system import Organizer, System

ROWS = "SELECT * FROM files WHERE tenant_id = $1"


async def put_image(system: System, organizer: Organizer, product_id: UUID, body: bytes) -> int:
    sent = organizer.owner.headers | {"Content-Type": "image/png"}
    answer = await system.client.put(f"/api/v1/products/{product_id}/image", content=body, headers=sent)
    return answer.status_code


async def test_a_row_tells_what_was_uploaded_by_whom(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    product = await system.product(organizer)
    assert await put_image(system, organizer, product.id, png(640, 480)) == 201
    (row,) = await owner.fetch(ROWS, organizer.tenant_id)
    assert (row["owner_kind"], row["owner_id"]) == ("product", product.id)
    assert (row["content_type"], row["size_bytes"], row["width"], row["height"]) == ("image/png", len(png()), 640, 480)
    assert row["uploaded_by"] == organizer.owner.user_id
    assert row["storage_key"].startswith(f"{organizer.tenant_id}/")
    shown = await owner.fetchval("SELECT image_file_id FROM products WHERE id = $1", product.id)
    assert shown == row["id"]


async def test_of_parallel_uploads_one_image_stays_and_no_row_is_left_over(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    product = await system.product(organizer)
    await put_image(system, organizer, product.id, png(1, 1))
    statuses = await asyncio.gather(
        *(put_image(system, organizer, product.id, png(2, number)) for number in range(1, 9))
    )
    assert set(statuses) <= {200, 409}
    assert 200 in statuses
    rows = await owner.fetch(ROWS, organizer.tenant_id)
    shown = await owner.fetchval("SELECT image_file_id FROM products WHERE id = $1", product.id)
    assert [row["id"] for row in rows] == [shown]


async def test_a_file_that_went_between_two_reads_is_a_change_meanwhile(system: System, organizer: Organizer) -> None:
    async with system.application.database.transaction(organizer.tenant_id) as connection:
        work = UnitOfWork(connection, organizer.tenant_id, TimeOrderedIds())
        files = SqlFileRepository(Scope(work, a_context(organizer.tenant_id)))
        with pytest.raises(ConcurrentChange):
            await files.get(FileId(uuid4()))


async def test_a_shown_file_can_t_be_deleted_under_the_product(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    product = await system.product(organizer)
    await put_image(system, organizer, product.id, png())
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await owner.execute("DELETE FROM files WHERE tenant_id = $1", organizer.tenant_id)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("owner_kind", "'order'"),
        ("storage_key", "'00000000-0000-0000-0000-000000000000/aa/x'"),
        ("size_bytes", "0"),
        ("sha256", "'abc'"),
        ("width", "0"),
    ],
)
async def test_a_row_that_makes_no_sense_is_refused(
    system: System, organizer: Organizer, owner: asyncpg.Connection, column: str, value: str
) -> None:
    product = await system.product(organizer)
    await put_image(system, organizer, product.id, png())
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute(f"UPDATE files SET {column} = {value} WHERE tenant_id = $1", organizer.tenant_id)


async def test_another_tenant_sees_no_row(system: System, organizer: Organizer, other: Organizer) -> None:
    product = await system.product(organizer)
    await put_image(system, organizer, product.id, png())
    for tenant_id, expected in ((organizer.tenant_id, 1), (other.tenant_id, 0), (None, 0)):
        async with system.application.database.transaction(tenant_id, read_only=True) as connection:
            assert len(await connection.fetch("SELECT id FROM files")) == expected


async def test_an_erased_product_s_file_goes_with_its_event(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    product = await system.product(organizer)
    await put_image(system, organizer, product.id, png())
    erased = await system.client.delete(f"/api/v1/products/{product.id}", headers=organizer.owner.headers)
    assert erased.status_code == 204
    assert len(await owner.fetch(ROWS, organizer.tenant_id)) == 1
    for expected in (["file.stored", "file.removed"], ["file.stored", "file.removed"]):  # a second time does nothing
        await react_to_erasure(system, organizer, product.id)
        assert await owner.fetch(ROWS, organizer.tenant_id) == []
        told = await owner.fetch(
            "SELECT type FROM events WHERE tenant_id = $1 AND stream = 'file' ORDER BY version", organizer.tenant_id
        )
        assert [row["type"] for row in told] == expected


async def react_to_erasure(system: System, organizer: Organizer, product_id: UUID) -> None:
    """As the consumer does it: in one transaction of the tenant."""
    event = PublishedEvent(
        id=uuid4(),
        tenant_id=organizer.tenant_id,
        type="product.erased",
        stream="product",
        stream_id=product_id,
        version=3,
        occurred_at=SystemClock().now(),
        request_id="test",
        actor_id=NOBODY,
        actor_kind="system",
        data={},
    )
    async with system.application.database.transaction(organizer.tenant_id) as connection:
        work = UnitOfWork(connection, organizer.tenant_id, TimeOrderedIds())
        scope = Scope(work, a_context(organizer.tenant_id))
        await ForgetFilesOfErased(SqlFileRepository(scope), SystemClock(), OwnerKind.PRODUCT).react(event)
        scope.close()
        writes = Writes(connection)
        await work.flush(writes)
        await writes.send()
