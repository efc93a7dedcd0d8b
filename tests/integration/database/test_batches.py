"""Commands that share a transaction: what they share, and that nobody pays for a neighbour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from app.infrastructure.database.pool import Database
from app.shared.errors import ConcurrentChange, Forbidden, Unavailable
from app.shared.tenant_context import RequestContext
from tests.support.builders import a_context
from tests.support.notes import Notebook, WriteNote
from tests.support.system import Organizer, System

NO_CAPACITY = "UPDATE stock_pools SET capacity = -1"
CHECK = "ck_stock_pools_capacity_not_negative"
BUG = RuntimeError("a bug")
JOURNAL = """
    SELECT e.data ->> 'text' AS text, e.metadata ->> 'actor_id' AS actor, e.metadata ->> 'request_id' AS event_request,
        a.actor_id::text AS audit_actor, a.request_id AS audit_request, a.ip, a.user_agent
    FROM events e JOIN audit_log a ON a.tenant_id = e.tenant_id AND a.target_id = e.stream_id
    WHERE e.tenant_id = $1 AND e.type = 'note.written' ORDER BY e.occurred_at
"""


@pytest.fixture
def book(system: System, organizer: Organizer) -> Notebook:
    return Notebook(system.application.database).for_tenant(a_context(organizer.tenant_id))


async def written(database: Database, organizer: Organizer) -> list[Any]:
    async with database.transaction(organizer.tenant_id) as connection:
        rows = await connection.fetch(JOURNAL, organizer.tenant_id)
    return [row["text"] for row in rows if row["text"] != "blocker"]


async def send_together(book: Notebook, organizer: Organizer, commands: Sequence[WriteNote]) -> list[Any]:
    def sending(command: WriteNote) -> Any:
        return lambda: book.bus.send(command, a_context(organizer.tenant_id))

    return await book.together(*map(sending, commands))


async def test_members_share_a_transaction_and_each_leaves_its_own_traces(
    system: System, organizer: Organizer, book: Notebook
) -> None:
    contexts = {str(n): a_context(organizer.tenant_id, ip=f"192.0.2.{n}", user_agent=f"agent {n}") for n in range(5)}

    def sending(text: str, context: RequestContext) -> Any:
        return lambda: book.bus.send(WriteNote(text=text), context)

    await book.together(*(sending(text, context) for text, context in contexts.items()))

    assert len({book.transactions[text] for text in contexts}) == 1
    assert book.transactions["blocker"] != book.transactions["0"]
    async with system.application.database.transaction(organizer.tenant_id) as connection:
        rows = await connection.fetch(JOURNAL, organizer.tenant_id)
    rows = [row for row in rows if row["text"] in contexts]
    assert len(rows) == len(contexts)
    for row in rows:
        context = contexts[row["text"]]
        assert row["actor"] == row["audit_actor"] == str(context.actor_id)
        assert row["event_request"] == row["audit_request"] == context.request_id
        assert (row["ip"], row["user_agent"]) == (context.ip, context.user_agent)


async def test_the_outbox_tells_of_each_member_under_its_own_request_id(
    system: System, organizer: Organizer, book: Notebook, owner: asyncpg.Connection
) -> None:
    contexts = [a_context(organizer.tenant_id) for _ in range(4)]

    def sending(context: RequestContext) -> Any:
        return lambda: book.bus.send(WriteNote(text=context.request_id), context)

    await book.together(*map(sending, contexts))

    rows = await owner.fetch(
        "SELECT o.request_id, e.data ->> 'text' AS text, o.published_at FROM outbox o JOIN events e USING "
        "(tenant_id, stream_id, version) WHERE tenant_id = $1 AND o.type = 'note.written'",
        organizer.tenant_id,
    )
    told = {row["text"]: row["request_id"] for row in rows if row["text"] != "blocker"}
    assert told == {context.request_id: context.request_id for context in contexts}
    assert all(row["published_at"] is None for row in rows)


async def test_tenants_never_meet_in_a_transaction(
    system: System, organizer: Organizer, other: Organizer, book: Notebook
) -> None:
    def sending(text: str, whose: Organizer) -> Any:
        return lambda: book.bus.send(WriteNote(text=text), a_context(whose.tenant_id))

    await book.together(*(sending(f"{n} of {whose.slug}", whose) for n in range(5) for whose in (organizer, other)))

    mine = {book.transactions[f"{n} of {organizer.slug}"] for n in range(5)}
    theirs = {book.transactions[f"{n} of {other.slug}"] for n in range(5)}
    assert not mine & theirs
    for whose in (organizer, other):
        texts = await written(system.application.database, whose)
        assert sorted(texts) == [f"{n} of {whose.slug}" for n in range(5)]


async def test_a_refusal_before_any_change_leaves_the_batch_together(
    system: System, organizer: Organizer, book: Notebook
) -> None:
    no = Forbidden("no")
    results = await send_together(
        book, organizer, [WriteNote(text="a"), WriteNote(text="b", first_raise=no), WriteNote(text="c")]
    )

    assert results == ["a", no, "c"]
    assert book.transactions["a"] == book.transactions["b"] == book.transactions["c"]
    assert await written(system.application.database, organizer) == ["a", "c"]


@pytest.mark.parametrize(
    ("culprit", "error"),
    [
        (WriteNote(text="b", then_raise=Forbidden("changed, then refused")), Forbidden),
        (WriteNote(text="b", first_raise=BUG), RuntimeError),
        (WriteNote(text="b", then_raise=BUG), RuntimeError),
        (WriteNote(text="b", sql="SELECT 1 / 0"), asyncpg.DivisionByZeroError),
        (WriteNote(text="b", sql_at_flush="SELECT 1 / 0"), asyncpg.DivisionByZeroError),
        (WriteNote(text="b", sql_at_flush="DELETE FROM events"), asyncpg.InsufficientPrivilegeError),
        (WriteNote(text=object()), TypeError),
    ],
)
async def test_who_spoils_the_batch_fails_alone(
    system: System, organizer: Organizer, book: Notebook, culprit: WriteNote, error: type[Exception]
) -> None:
    results = await send_together(book, organizer, [WriteNote(text="a"), culprit, WriteNote(text="c")])

    assert [results[0], results[2]] == ["a", "c"]
    assert isinstance(results[1], error)
    assert await written(system.application.database, organizer) == ["a", "c"]


async def test_a_broken_renderer_hurts_its_own_caller_only(
    system: System, organizer: Organizer, book: Notebook
) -> None:
    context = a_context(organizer.tenant_id)

    results = await book.together(
        lambda: book.answer(WriteNote(text="a"), context), lambda: book.answer(WriteNote(text="unprintable"), context)
    )

    assert results[0].body == b"a"
    assert isinstance(results[1], RuntimeError)
    assert await written(system.application.database, organizer) == ["a"]


async def test_a_broken_constraint_is_told_in_its_callers_words(system: System, organizer: Organizer) -> None:
    await system.product(organizer)
    book = Notebook(system.application.database, constraints={CHECK: Forbidden("not below zero")})
    book.for_tenant(a_context(organizer.tenant_id))

    results = await send_together(book, organizer, [WriteNote(text="a"), WriteNote(text="b", sql_at_flush=NO_CAPACITY)])

    assert results[0] == "a"
    assert isinstance(results[1], Forbidden)
    assert await written(system.application.database, organizer) == ["a"]


async def test_a_constraint_without_words_is_a_defect_and_stays_one(system: System, organizer: Organizer) -> None:
    await system.product(organizer)
    book = Notebook(system.application.database, in_lane=False)

    with pytest.raises(asyncpg.CheckViolationError):
        await book.bus.send(WriteNote(text="a", sql_at_flush=NO_CAPACITY), a_context(organizer.tenant_id))


async def test_two_writers_of_one_stream_are_a_concurrent_change(
    system: System, organizer: Organizer, book: Notebook
) -> None:
    first = WriteNote(text="a")
    await book.bus.send(first, a_context(organizer.tenant_id))

    with pytest.raises(ConcurrentChange):
        await book.bus.send(WriteNote(text="b", id=first.id), a_context(organizer.tenant_id))


async def test_a_refusal_that_must_leave_a_trace_is_committed_and_raised(
    system: System, organizer: Organizer, book: Notebook
) -> None:
    no = Forbidden("counted")
    results = await send_together(book, organizer, [WriteNote(text="a", refused=no), WriteNote(text="b")])

    assert results == [no, "b"]
    with pytest.raises(Forbidden):
        await book.bus.send(WriteNote(text="c", refused=no), a_context(organizer.tenant_id))
    assert await written(system.application.database, organizer) == ["a", "b", "c"]


async def test_a_command_without_a_tenant_is_a_defect_in_its_caller(book: Notebook) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError, match="WriteNote"):
            await book.bus.send(WriteNote(text="a"), a_context(None))


async def test_when_the_database_goes_away_the_rest_of_the_batch_is_not_tried(
    organizer: Organizer, book: Notebook
) -> None:
    gone = "SELECT pg_terminate_backend(pg_backend_pid())"
    commands = [WriteNote(text="a"), WriteNote(text="b", sql=gone), WriteNote(text="c")]

    results = await send_together(book, organizer, commands)

    assert results[0] == "a"
    assert isinstance(results[1], Unavailable)
    assert results[2] is results[1]
    assert [text for text, _ in book.runs].count("c") == 0


async def test_a_connection_lost_while_the_batch_is_written_reaches_every_caller(
    organizer: Organizer, book: Notebook
) -> None:
    first = WriteNote(text="a", sql_at_flush="SELECT pg_terminate_backend(pg_backend_pid())")

    results = await send_together(book, organizer, [first, WriteNote(text="b")])

    assert all(isinstance(result, Unavailable) for result in results)
    assert [text for text, _ in book.runs] == ["blocker", "a", "b"]
