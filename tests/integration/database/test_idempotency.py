"""The key beside the deed, in one transaction: here two processes are two mediators."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.application.tenancy.contracts import Role
from app.infrastructure.database.idempotency import IdempotencyInFlight, IdempotencyMismatch
from app.shared.errors import Forbidden
from tests.support.builders import a_context
from tests.support.notes import Notebook, WriteNote
from tests.support.system import Organizer, System


@pytest.fixture
def book(system: System, organizer: Organizer) -> Notebook:
    return Notebook(system.application.database).for_tenant(a_context(organizer.tenant_id))


async def test_while_one_process_works_on_a_key_another_is_told_so(system: System, organizer: Organizer) -> None:
    one, two = (Notebook(system.application.database) for _ in range(2))
    context = a_context(organizer.tenant_id)
    one.open.clear()
    first = asyncio.create_task(one.answer(WriteNote(text="a"), context, "key"))
    await one.preparing.wait()

    with pytest.raises(IdempotencyInFlight) as refusal:
        await two.answer(WriteNote(text="a"), context, "key")
    assert refusal.value.retry_after == 1
    one.open.set()
    answer = await first

    again = await two.answer(WriteNote(text="a"), context, "key")
    assert again == replace(answer, replayed=True)
    assert two.runs == []


async def test_equal_keys_in_one_batch_are_worked_on_once(organizer: Organizer, book: Notebook) -> None:
    context, somebody = a_context(organizer.tenant_id), a_context(organizer.tenant_id)

    results = await book.together(
        lambda: book.answer(WriteNote(text="a"), context, "key"),
        lambda: book.answer(WriteNote(text="b"), context, "key"),
        lambda: book.answer(WriteNote(text="c"), somebody, "key"),
        lambda: book.answer(WriteNote(text="d"), context),
    )

    assert [getattr(result, "body", None) for result in results] == [b"a", None, b"c", b"d"]
    assert isinstance(results[1], IdempotencyInFlight)


async def test_a_batch_answers_the_known_and_does_the_new(organizer: Organizer, book: Notebook) -> None:
    context = a_context(organizer.tenant_id)
    first = await book.answer(WriteNote(text="old"), context, "old", b"one")

    results = await book.together(
        lambda: book.answer(WriteNote(text="old again"), context, "old", b"one"),
        lambda: book.answer(WriteNote(text="other"), context, "old", b"two"),
        lambda: book.answer(WriteNote(text="new"), context, "new"),
    )
    results += await book.together(
        lambda: book.answer(WriteNote(text="other"), context, "old", b"two"),
        lambda: book.answer(WriteNote(text="newer"), context, "newer"),
    )

    assert results[0] == replace(first, replayed=True)
    assert isinstance(results[1], IdempotencyInFlight)  # two of one key in a batch: the first one is asked for
    assert isinstance(results[3], IdempotencyMismatch)
    assert (results[2].body, results[4].body) == (b"new", b"newer")
    assert {text for text, _ in book.runs} == {"blocker", "old", "new", "newer"}


async def test_a_refusal_frees_the_key(organizer: Organizer, book: Notebook) -> None:
    context = a_context(organizer.tenant_id)
    for refused in (WriteNote(text="a", first_raise=Forbidden("no")), WriteNote(text="b", refused=Forbidden("no"))):
        with pytest.raises(Forbidden):
            await book.answer(refused, context, "key")

    assert not (await book.answer(WriteNote(text="c"), context, "key")).replayed


async def test_the_answer_belongs_to_the_tenant_that_asked(system: System, organizer: Organizer) -> None:
    """Founding a tenant goes over to the new one inside its transaction; the key stays with the old."""
    customer = await system.person(organizer.tenant_id, Role.CUSTOMER)
    body = {"slug": f"{organizer.slug}-two", "name": "Two"}
    headers = customer.headers | {"Idempotency-Key": "found"}

    first = await system.client.post("/api/v1/tenants", json=body, headers=headers)
    again = await system.client.post("/api/v1/tenants", json=body, headers=headers)

    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
