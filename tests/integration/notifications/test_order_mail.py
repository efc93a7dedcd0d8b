"""The whole way: an order is confirmed, a real SMTP server gets the mail, a real browser shows it."""

from __future__ import annotations

import base64
from email.message import EmailMessage
from pathlib import Path

import pytest

from app.infrastructure.mail.smtp import SmtpMail, SmtpServer
from tests.support.browser import watching
from tests.support.gateways import SENDER, smtp_server
from tests.support.messages import claimed_of, events_of, outgoing, react
from tests.support.system import Organizer, System

HOSTILE = "Eve <script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
LOGO = """<svg xmlns="http://www.w3.org/2000/svg" width="160" height="40"><rect width="160" height="40" rx="8"
    fill="#ffffff"/><text x="80" y="27" font-size="20" text-anchor="middle" fill="#0f766e">OPEN AIR</text></svg>"""


async def delivered(system: System, organizer: Organizer, **customer: str) -> EmailMessage:
    """The mail about a confirmed order of three products, as the server got it."""
    names = ("Friday, standing", "Weekend camping with a caravan, including parking and showers", "T-shirt “Open Air”")
    products = [await system.product(organizer, name=name) for name in names]
    body = {
        "customer": {"email": "ada@example.com", "name": "Ada Lovelace"} | customer,
        "items": [{"product_id": str(p.id), "quantity": n} for n, p in enumerate(products, 1)],
    }
    placed = await system.client.post("/api/v1/orders", json=body, headers=organizer.owner.headers)
    await system.client.post(f"{placed.headers['location']}/confirm", headers=organizer.owner.headers)
    await react(system, await events_of(system, organizer.tenant_id, "order.confirmed"))
    async with smtp_server() as inbox:
        gateway = SmtpMail(SmtpServer(host="127.0.0.1", port=inbox.port, security="none"), SENDER)
        queue = outgoing(system, gateway)
        for claimed in await claimed_of(queue, organizer.tenant_id):
            await queue.send(claimed)
        (envelope,) = inbox.envelopes
        assert (envelope.mail_from, envelope.rcpt_tos) == (SENDER.address, ["ada@example.com"])
        (mail,) = inbox.mails
    return mail


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


async def test_an_smtp_server_gets_the_mail_about_an_order(system: System, organizer: Organizer) -> None:
    mail = await delivered(system, organizer)

    text = mail.get_body(("plain",))
    assert text is not None
    for part in (text.get_content(), html_of(mail)):
        for shown in ("Ada Lovelace", "Friday, standing", "3 × ", "€30.00", "€60.00"):
            assert shown in part
    assert mail["From"].addresses[0].display_name == organizer.slug
    assert str(mail["Subject"]).startswith("Your order HT-")


@pytest.mark.browser
@pytest.mark.parametrize("width", [900, 360])
async def test_a_browser_shows_the_mail_and_runs_nothing_of_a_hostile_name(
    system: System, organizer: Organizer, tmp_path: Path, width: int
) -> None:
    look = {
        "sender_name": "Open Air e.V.", "accent_color": "#0f766e", "logo_url": "https://example.com/logo.svg",
        "footer": "Open Air e.V.\nBeispielweg 1, 12345 Berlin", "locale": "de",
    }  # fmt: skip
    await system.client.patch("/api/v1/settings/branding", json=look, headers=organizer.owner.headers)
    html = html_of(await delivered(system, organizer, name=HOSTILE))
    inline = "data:image/svg+xml;base64," + base64.b64encode(LOGO.encode()).decode()
    page_file = tmp_path / "mail.html"
    page_file.write_text(html.replace("https://example.com/logo.svg", inline), encoding="utf-8")

    async with watching("file://") as watched:
        await watched.page.set_viewport_size({"width": width, "height": 900})
        await watched.page.goto(page_file.as_uri())
        await watched.page.screenshot(path=tmp_path / f"mail-{width}.png", full_page=True)
        shown = await watched.page.inner_text("body")
        title = await watched.page.title()
        overflow = await watched.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        scripts = await watched.page.locator("script").count()

    assert HOSTILE in shown
    assert (title.startswith("Ihre Bestellung HT-"), scripts, watched.complaints) == (True, 0, [])
    assert overflow <= 0
    for part in ("60,00\N{NO-BREAK SPACE}€", "Summe", "Beispielweg 1, 12345 Berlin"):
        assert part in shown
