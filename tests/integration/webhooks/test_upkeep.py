from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta

import asyncpg
import pytest

from app.application.webhooks.commands.rotate_secret import RotateSecret
from app.infrastructure.security.sealing import AesGcmSealer, SealingKey, load_sealer
from app.infrastructure.webhooks.upkeep import forget_deliveries, reseal_secrets
from app.shared.tenant_context import system_context
from tests.support.receiver import receiving
from tests.support.system import Organizer, System
from tests.support.webhooks import Hooks, an_event, hooking

OF_THE_TESTS = SealingKey.derived_from("the key of the tests, which is long enough")
NEXT = SealingKey.derived_from("the key after that one, long enough as well")


@pytest.fixture
async def hooks(system: System) -> AsyncGenerator[Hooks]:
    async with hooking(system) as hooks:
        yield hooks


async def test_old_deliveries_go_and_what_waits_stays(
    hooks: Hooks, system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    async with receiving() as receiver:
        await hooks.create(organizer.tenant_id, receiver.url)
        await hooks.publish(an_event(organizer.tenant_id), an_event(organizer.tenant_id))
        await hooks.turn(organizer.tenant_id)
        await hooks.publish(an_event(organizer.tenant_id), an_event(organizer.tenant_id))
    age = "UPDATE webhook_deliveries SET created_at = now() - interval '31 days' WHERE tenant_id = $1 AND "
    await owner.execute(age + "status = 'pending'", organizer.tenant_id)
    one = "id = (SELECT id FROM webhook_deliveries WHERE tenant_id = $1 AND status = 'delivered' LIMIT 1)"
    await owner.execute(age + one, organizer.tenant_id)

    assert await forget_deliveries(system.application.database, 30) == 1

    assert sorted(row[2] for row in await hooks.deliveries(organizer.tenant_id)) == ["delivered", "pending", "pending"]
    assert len(await hooks.log(organizer.tenant_id)) == 1


async def test_after_resealing_the_old_key_is_not_needed(
    hooks: Hooks, system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    database = system.application.database
    old = await hooks.create(organizer.tenant_id, "http://127.0.0.1:9/")
    plain = await hooks.create(organizer.tenant_id, "http://127.0.0.1:9/")
    rotate = RotateSecret(webhook_id=old.id, overlap=timedelta(hours=1))
    new = await hooks.bus.send(rotate, system_context(organizer.tenant_id, "test"))
    await owner.execute("UPDATE webhook_endpoints SET status = 'deleted' WHERE tenant_id <> $1", organizer.tenant_id)

    assert await reseal_secrets(database, AesGcmSealer(NEXT, OF_THE_TESTS)) == 2
    assert await reseal_secrets(database, AesGcmSealer(NEXT)) == 0

    rows = await owner.fetch(
        "SELECT id, secret, previous_secret FROM webhook_endpoints WHERE tenant_id = $1 ORDER BY id",
        organizer.tenant_id,
    )
    alone = AesGcmSealer(NEXT)
    opened = [alone.open(row[name], purpose=f"webhook {row['id']}") for row in rows for name in (1, 2) if row[name]]
    assert opened == [secret.encode() for secret in (new.secret, old.secret, plain.secret)]
    assert not load_sealer(system.settings).is_current(rows[0]["secret"])
