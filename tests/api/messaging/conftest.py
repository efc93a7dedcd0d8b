from __future__ import annotations

from collections.abc import Generator

import pytest

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.embedded import EmbeddedServer
from tests.support.own_database import own_database


@pytest.fixture
def addresses(addresses: Addresses, database_server: EmbeddedServer) -> Generator[Addresses]:
    """Workers deal with all that waits in a database; here nothing does."""
    with own_database(database_server) as own:
        yield own
