"""A mistake in the code is no lost database: nobody is told to try again."""

from __future__ import annotations

import asyncpg
import pytest

from tests.support.system import Organizer, System


async def test_a_handlers_own_error_stays_what_it_is(system: System, organizer: Organizer) -> None:
    with pytest.raises(FileNotFoundError):
        async with system.application.database.transaction(organizer.tenant_id):
            raise FileNotFoundError("a defect")


async def test_a_statement_called_wrongly_stays_what_it_is(system: System, organizer: Organizer) -> None:
    with pytest.raises(asyncpg.InterfaceError):
        async with system.application.database.transaction(organizer.tenant_id) as connection:
            await connection.execute("SELECT $1::int", 1, 2)
