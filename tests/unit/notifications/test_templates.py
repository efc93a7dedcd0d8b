"""Every mail in every language: complete, escaped, in the reader's way of writing money and time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError

from app.application.notifications.policies import MAILS
from app.application.notifications.ports import MailGateway
from app.domain.notifications.branding import Locale, Look
from app.domain.notifications.message import Channel
from app.infrastructure.mail import formats
from app.infrastructure.mail.build import build_mail
from app.infrastructure.mail.folder import FolderMail
from app.infrastructure.mail.sendgrid import SendGridMail
from app.infrastructure.mail.smtp import SmtpMail
from app.infrastructure.mail.templates import FOLDER, JinjaTemplates
from app.infrastructure.sms.build import build_sms
from app.infrastructure.sms.folder import FolderSms
from app.infrastructure.sms.twilio import TwilioSms
from app.shared.settings import Settings, SettingsFault, load_settings

MONEY = {"amount": 123_456, "currency": "EUR"}
HOSTILE = "<script>alert('x')</script>&\r\nBcc: eve@example.com"
CONTEXT: dict[str, Any] = {
    "number": "HT-6D1F0-E9B7A",
    "name": HOSTILE,
    "items": [{"name": HOSTILE, "quantity": 2, "unit_price": MONEY, "total": MONEY}],
    "total": MONEY,
    "placed_at": "2026-11-21T10:00:00+00:00",
    "at": "2026-11-21T11:30:00+02:00",
    "reason": HOSTILE,
    "email": "ada@example.com",
    "device": HOSTILE,
    "ip": "192.0.2.1",
}
NAMES = sorted({template for template, _ in MAILS.values()} | {"test"})
TEMPLATES = JinjaTemplates()


@pytest.mark.parametrize("locale", Locale)
@pytest.mark.parametrize("name", NAMES)
def test_every_mail_is_whole_in_every_language(name: str, locale: Locale) -> None:
    for kind in ("subject", "txt", "html"):
        assert (FOLDER / locale / f"{name}.{kind}").is_file()

    rendered = TEMPLATES.render(Channel.MAIL, name, Look(locale=locale, footer=HOSTILE), HOSTILE, CONTEXT)

    assert rendered.html is not None
    assert "<script" not in rendered.html
    assert f'lang="{locale}"' in rendered.html
    assert "\n" not in rendered.subject
    assert "{{" not in rendered.subject + rendered.text + rendered.html
    assert "\nBcc" not in rendered.text.partition("\n-- \n")[0]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_mail_shows_must_be_there(name: str) -> None:
    with pytest.raises(UndefinedError):
        TEMPLATES.render(Channel.MAIL, name, Look(), "Open Air", {})


@pytest.mark.parametrize("locale", Locale)
def test_a_text_is_plain(locale: Locale) -> None:
    rendered = TEMPLATES.render(Channel.SMS, "test", Look(locale=locale), "Open Air", {"name": "Ada & Co"})
    assert (rendered.subject, rendered.html) == ("", None)
    assert "Ada & Co" in rendered.text


def test_what_is_not_translated_is_english(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    for kind in ("subject", "txt", "html"):
        (tmp_path / "en" / f"only.{kind}").write_text("{{ locale }} {{ at|instant }}")
    rendered = JinjaTemplates(tmp_path).render(Channel.MAIL, "only", Look(locale=Locale.DE), "Open Air", CONTEXT)
    assert rendered.text.startswith("en Saturday, 21 November 2026, 09:30 UTC")


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "expected"),
    [
        (123_456, "EUR", "en", "€1,234.56"),
        (123_456, "EUR", "de", "1.234,56\N{NO-BREAK SPACE}€"),
        (1_500, "JPY", "de", "1.500\N{NO-BREAK SPACE}¥"),
        (1_234, "KWD", "en", "KWD\N{NO-BREAK SPACE}1.234"),
        (0, "EUR", "en", "€0.00"),
        (10**15, "EUR", "en", "€10,000,000,000,000.00"),
        (5, "XXQ", "en", "XXQ\N{NO-BREAK SPACE}0.05"),
    ],
)
def test_money_is_written_as_its_readers_do(amount: int, currency: str, locale: str, expected: str) -> None:
    assert formats.money({"amount": amount, "currency": currency}, locale) == expected


def test_instants_are_told_in_utc_in_the_readers_language() -> None:
    assert formats.instant("2026-11-21T11:30:00+02:00", "de") == "Samstag, 21. November 2026, 09:30 UTC"


@pytest.mark.parametrize(
    ("color", "text"), [("#ffffff", "#000000"), ("#000000", "#ffffff"), ("#ffd400", "#000000"), ("#2456d6", "#ffffff")]
)
def test_the_header_can_be_read_on_any_colour(color: str, text: str) -> None:
    assert formats.text_on(color) == text


def settings(tmp_path: Path, **values: Any) -> Settings:
    return load_settings(_env_file=None, data_dir=tmp_path, **values)


WAYS = [
    ({}, FolderMail),
    ({"smtp_host": "mail.example.com", "smtp_password": "x"}, SmtpMail),
    ({"sendgrid_api_key": "SG.x"}, SendGridMail),
    ({"sendgrid_api_key": "SG.x", "mail_gateway": "folder"}, FolderMail),
    ({"sendgrid_api_key": "SG.x", "smtp_host": "h", "mail_gateway": "sendgrid"}, SendGridMail),
]


@pytest.mark.parametrize(("values", "expected"), WAYS)
async def test_mail_goes_the_way_the_settings_say(
    tmp_path: Path, values: dict[str, Any], expected: type[MailGateway]
) -> None:
    gateway = build_mail(settings(tmp_path, **values))
    await gateway.close()
    assert isinstance(gateway, expected)


TWILIO = {"twilio_account_sid": "AC1", "twilio_auth_token": "t", "twilio_from": "+1"}


@pytest.mark.parametrize(
    ("values", "expected"), [({}, FolderSms), (TWILIO, TwilioSms), (TWILIO | {"sms_gateway": "folder"}, FolderSms)]
)
async def test_texts_go_the_way_the_settings_say(tmp_path: Path, values: dict[str, Any], expected: type) -> None:
    gateway = build_sms(settings(tmp_path, **values))
    await gateway.close()
    assert isinstance(gateway, expected)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"mail_gateway": "smtp"}, "SMTP_HOST"),
        ({"mail_gateway": "sendgrid"}, "SENDGRID_API_KEY"),
        ({"email_from": "nobody at all"}, "EMAIL_FROM"),
    ],
)
def test_a_way_that_lacks_a_setting_is_refused_at_the_start(tmp_path: Path, values: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsFault, match=named):
        build_mail(settings(tmp_path, **values))


@pytest.mark.parametrize("values", [{"sms_gateway": "twilio"}, {"twilio_account_sid": "AC1"}])
def test_twilio_needs_all_of_its_settings(tmp_path: Path, values: dict[str, Any]) -> None:
    with pytest.raises(SettingsFault, match="TWILIO_AUTH_TOKEN"):
        build_sms(settings(tmp_path, **values))
