"""What happened becomes a mail to the right person, once."""

from __future__ import annotations

from uuid import UUID

import pytest

from app.application.identity.commands.open_session import OpenSession
from app.application.identity.commands.register_account import RegisterAccount
from app.application.tenancy.contracts import Role
from app.shared.ids import TenantId
from app.shared.tenant_context import RequestContext, system_context
from tests.support.messages import events_of, messages_of, react, settled
from tests.support.system import Organizer, Person, System


async def order(system: System, organizer: Organizer, *steps: str) -> str:
    product = await system.product(organizer, name="Friday, standing")
    placed = await system.place(organizer.owner, product.id, 2)
    for step in steps:
        body = {"reason": "rain"} if step == "cancel" else None
        answer = await system.client.post(
            f"{placed.headers['location']}/{step}", json=body, headers=organizer.owner.headers
        )
        assert answer.status_code == 200
    return str(placed.json()["number"])


@pytest.mark.parametrize(("steps", "template"), [(("confirm",), "order_confirmed"), (("cancel",), "order_cancelled")])
async def test_a_customer_gets_a_mail_about_their_order(
    system: System, organizer: Organizer, steps: tuple[str, ...], template: str
) -> None:
    number = await order(system, organizer, *steps)
    events = await events_of(system, organizer.tenant_id, f"order.{template.removeprefix('order_')}")

    await react(system, events)

    (message,) = await messages_of(system, organizer.tenant_id)
    assert (message["template"], message["recipient"], message["status"]) == (
        template, "buyer@example.com", "queued",
    )  # fmt: skip
    assert number in message["subject"]
    for part in (message["body_text"], message["body_html"]):
        assert number in part
        assert "Friday, standing" in part
        assert "€20.00" in part
        assert ("rain" in part) == ("cancel" in steps)
    assert message["request_id"] == events[0].request_id
    assert message["sender_name"] == organizer.slug


async def test_the_same_event_again_changes_nothing(system: System, organizer: Organizer) -> None:
    await order(system, organizer, "confirm")
    events = await events_of(system, organizer.tenant_id, "order.confirmed")
    await react(system, events)
    before = await messages_of(system, organizer.tenant_id)

    await react(system, events)

    assert await messages_of(system, organizer.tenant_id) == before


async def test_mails_speak_the_tenants_language_in_its_colours(system: System, organizer: Organizer) -> None:
    look = {"sender_name": "Freiluft e.V.", "accent_color": "#0f766e", "footer": "Beispielweg 1", "locale": "de"}
    changed = await system.client.patch(
        "/api/v1/settings/branding", json=look | {"reply_to": "hallo@example.com"}, headers=organizer.owner.headers
    )
    assert changed.status_code == 200
    await order(system, organizer, "confirm")

    await react(system, await events_of(system, organizer.tenant_id, "order.confirmed"))

    (message,) = await messages_of(system, organizer.tenant_id)
    assert "ist bestätigt" in message["subject"]
    assert (message["locale"], message["sender_name"], message["reply_to"]) == (
        "de", "Freiluft e.V.", "hallo@example.com",
    )  # fmt: skip
    assert "20,00\N{NO-BREAK SPACE}€" in message["body_text"]
    for part in ("#0f766e", "Beispielweg 1"):
        assert part in message["body_html"]


async def test_a_suppressed_address_is_told_nothing_and_staff_see_that(system: System, organizer: Organizer) -> None:
    from app.domain.notifications.message import MessageStatus, Outcome

    bad = Outcome(status=MessageStatus.BOUNCED, error="550 5.1.1 unknown", bad_address=True)
    await settled(system, organizer, bad)  # the owner's address
    await sign_in(system, organizer.owner, "Another device/1.0")

    await react(system, await events_of(system, organizer.tenant_id, "session.opened"))

    message = (await messages_of(system, organizer.tenant_id))[-1]
    assert (message["template"], message["status"]) == ("new_sign_in", "suppressed")


async def sign_in(system: System, person: Person, user_agent: str, device_name: str = "test") -> None:
    command = OpenSession(
        user_id=person.user_id, tenant_id=person.tenant_id, is_superuser=False, device_name=device_name,
        ip="192.0.2.1", user_agent=user_agent,
    )  # fmt: skip
    await system.application.mediator.send(command, system_context(person.tenant_id, "test"))


async def test_a_sign_in_is_news_only_on_a_device_that_is_new_for_the_account(
    system: System, organizer: Organizer
) -> None:
    """The first session, made with the owner, is none; an updated browser is none."""
    await sign_in(system, organizer.owner, "Browser/1.0 (Linux)")
    await sign_in(system, organizer.owner, "Browser/1.1 (Linux)")
    await sign_in(system, organizer.owner, "Browser/1.1 (Linux)", "<b>Phone</b>")

    await react(system, await events_of(system, organizer.tenant_id, "session.opened"))

    told = await messages_of(system, organizer.tenant_id)
    assert [message["recipient"] for message in told] == [organizer.owner.email] * 2
    assert "&lt;b&gt;Phone&lt;/b&gt;" in told[1]["body_html"]
    assert "192.0.2.1" in told[0]["body_text"]


@pytest.mark.parametrize(("kind", "count"), [("anonymous", 1), ("user", 1), ("system", 0)])
async def test_who_registers_or_is_registered_by_staff_is_welcomed(
    system: System, organizer: Organizer, kind: str, count: int
) -> None:
    command = RegisterAccount(
        email=f"new-{kind}-{organizer.slug}@example.com", full_name="New\r\nBcc: x@example.com", password_hash=None,
        role=Role.CUSTOMER, by=Role.OWNER,
    )  # fmt: skip
    context = RequestContext(tenant_id=organizer.tenant_id, actor_kind=kind, request_id="test")
    await system.application.mediator.send(command, context)
    events = [
        event
        for event in await events_of(system, organizer.tenant_id, "account.registered")
        if event.data["email"] == command.email
    ]

    await react(system, events)

    told = await messages_of(system, organizer.tenant_id)
    assert [message["recipient"] for message in told] == [command.email] * count
    assert all("\nBcc" not in message["body_text"] for message in told)


async def test_nobody_is_written_to_about_what_the_tenant_does_not_have(system: System, organizer: Organizer) -> None:
    """An order that is gone and an account that left."""
    from dataclasses import replace

    await order(system, organizer, "confirm")
    (confirmed,) = await events_of(system, organizer.tenant_id, "order.confirmed")
    registered = (await events_of(system, organizer.tenant_id, "account.registered"))[0]
    nobody = str(UUID(int=7))

    await react(
        system,
        [
            replace(confirmed, data={"order_id": nobody}),
            replace(registered, data={"user_id": nobody}, actor_kind="user"),
            replace(registered, type="session.opened", data={"user_id": nobody, "session_id": nobody}),
        ],
    )

    assert await messages_of(system, TenantId(organizer.tenant_id)) == []
