"""A carrier that hangs or is cut: nobody waits for it, the poll still does its work, and it comes back by itself."""

from __future__ import annotations

import asyncpg
import pytest

from app.application.identity.contracts import AccessTokens
from app.application.signals import Topic
from app.container import SystemClock
from app.infrastructure.database.addresses import Addresses
from app.infrastructure.identity.revocations import PolledRevocations
from app.infrastructure.signals.carrier import CarriedSignals
from app.infrastructure.signals.postgres import PostgresCarrier
from app.infrastructure.signals.redis import RedisCarrier
from tests.integration.signals.test_carriers import LIFETIME
from tests.support.redis import RedisServer
from tests.support.system import Organizer, System
from tests.support.travelling import in_background, until

pytestmark = pytest.mark.faults

_CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hello-ticket signals'"


class Ear:
    def __init__(self, signals: CarriedSignals) -> None:
        self.woken = 0
        signals.listen(Topic.OUTBOX, self._wake)

    def _wake(self) -> None:
        self.woken += 1


async def test_a_hung_redis_delays_no_revocation_beyond_the_poll(
    redis_server: RedisServer, system: System, organizer: Organizer
) -> None:
    tokens: AccessTokens = system.application.container.resolve(AccessTokens)
    claims = tokens.verify(organizer.owner.token)
    signals = CarriedSignals(RedisCarrier(redis_server.url), echo=0.5, idle=0.1)
    there = PolledRevocations(system.application.database, SystemClock(), token_lifetime=LIFETIME)
    there.listen(signals)
    async with in_background(signals.run()), in_background(there.run()):
        await until(signals.up.is_set)
        redis_server.hang()
        await until(lambda: not signals.up.is_set())
        await system.client.post("/api/v1/auth/logout", headers=organizer.owner.headers)
        signals.announce(Topic.REVOCATIONS)
        await until(lambda: there.is_revoked(claims))
        assert not signals.up.is_set()
        redis_server.resume()
        await until(signals.up.is_set)


async def test_a_restarted_redis_wakes_everybody(redis_server: RedisServer) -> None:
    signals = CarriedSignals(RedisCarrier(redis_server.url), echo=0.5, idle=0.1)
    ear = Ear(signals)
    async with in_background(signals.run()):
        await until(lambda: signals.up.is_set() and ear.woken)
        woken = ear.woken
        await redis_server.restart()
        await until(lambda: signals.up.is_set() and ear.woken > woken)


async def test_a_cut_connection_to_postgres_is_made_anew(addresses: Addresses, superuser: asyncpg.Connection) -> None:
    signals = CarriedSignals(PostgresCarrier(addresses.worker))
    ear = Ear(signals)
    async with in_background(signals.run()):
        await until(lambda: ear.woken == 1)
        await superuser.execute(_CUT)
        await until(lambda: ear.woken == 2)
        assert signals.up.is_set()


async def test_a_database_that_is_away_is_waited_for(unused_tcp_port: int) -> None:
    signals = CarriedSignals(PostgresCarrier(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/none"))
    ear = Ear(signals)
    async with in_background(signals.run()) as task:
        signals.announce(Topic.OUTBOX)
        await until(lambda: ear.woken == 1)
        assert not task.done()
    assert not signals.up.is_set()
