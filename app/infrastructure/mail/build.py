"""Which way mail leaves, as the settings say."""

from __future__ import annotations

from app.application.notifications.ports import MailGateway
from app.infrastructure.mail.folder import FolderMail
from app.infrastructure.mail.mime import Sender
from app.infrastructure.mail.sendgrid import SendGridMail
from app.infrastructure.mail.smtp import SmtpMail, SmtpServer
from app.shared.settings import Settings, SettingsFault


def build_mail(settings: Settings) -> MailGateway:
    """Raises SettingsFault when the chosen way lacks a setting. `auto` takes SMTP, SendGrid or the folder."""
    way = settings.mail_gateway
    try:
        sender = Sender(settings.email_from)
    except ValueError as error:
        raise SettingsFault(str(error)) from None
    if way == "smtp" or (way == "auto" and settings.smtp_host):
        return SmtpMail(_server(settings), sender)
    if way == "sendgrid" or (way == "auto" and settings.sendgrid_api_key):
        if settings.sendgrid_api_key is None:
            raise SettingsFault("MAIL_GATEWAY=sendgrid needs SENDGRID_API_KEY.")
        return SendGridMail(settings.sendgrid_api_key.get_secret_value(), settings.sendgrid_url, sender)
    return FolderMail(settings.data_dir / "outbox", sender)


def _server(settings: Settings) -> SmtpServer:
    if settings.smtp_host is None:
        raise SettingsFault("MAIL_GATEWAY=smtp needs SMTP_HOST.")
    return SmtpServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
    )
