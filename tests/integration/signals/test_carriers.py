"""The real carriers: a session that is ended here is refused there, without waiting for the next poll."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from app.application.identity.contracts import AccessTokens
from app.container import SystemClock
from app.infrastructure.database.addresses import Addresses
from app.infrastructure.identity.revocations import PolledRevocations
from app.infrastructure.signals.build import build_signals
from app.infrastructure.signals.carrier import CarriedSignals
from app.shared.settings import Settings, load_settings
from tests.support.redis import running_redis
from tests.support.system import System, running
from tests.support.travelling import in_background, until

NEVER = 3_600.0
LIFETIME = timedelta(minutes=15)


def with_carrier(settings: Settings, **addresses: str) -> Settings:
    given = settings.model_dump(exclude_unset=True) | {"secret_key": settings.secret_key}
    return load_settings(_env_file=None, **(given | addresses))


@pytest.fixture(params=["postgres", "redis", pytest.param("rabbitmq", marks=pytest.mark.service("rabbitmq"))])
async def carried(request: pytest.FixtureRequest, settings: Settings, addresses: Addresses) -> AsyncGenerator[System]:
    """The application with this carrier."""
    if request.param == "postgres":
        async with running(settings, addresses) as system:
            yield system
    elif request.param == "redis":
        async with running_redis() as redis, running(with_carrier(settings, redis_url=redis.url), addresses) as system:
            yield system
    else:
        url = request.getfixturevalue("broker_url")
        async with running(with_carrier(settings, rabbitmq_url=url), addresses) as system:
            yield system


@asynccontextmanager
async def other_process(system: System, *, every: float = NEVER) -> AsyncGenerator[PolledRevocations]:
    """One that would poll once an hour, so that only a signal can tell it."""
    signals = build_signals(system.settings, system.addresses)
    revocations = PolledRevocations(system.application.database, SystemClock(), token_lifetime=LIFETIME)
    revocations.listen(signals)
    await revocations.refresh()
    async with in_background(signals.run()), in_background(revocations.run(every=every)):
        await until(signals.up.is_set)
        yield revocations


async def test_a_session_that_is_ended_here_is_refused_there_without_a_poll(carried: System) -> None:
    organizer = await carried.organizer()
    tokens: AccessTokens = carried.application.container.resolve(AccessTokens)
    claims = tokens.verify(organizer.owner.token)
    here = carried.application.container.resolve(CarriedSignals)
    async with other_process(carried) as there, in_background(here.run()):
        await until(here.up.is_set)
        assert not there.is_revoked(claims)

        answer = await carried.client.post("/api/v1/auth/logout", headers=organizer.owner.headers)

        assert answer.status_code == 204
        await until(lambda: there.is_revoked(claims))
