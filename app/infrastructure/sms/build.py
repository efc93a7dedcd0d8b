"""Which way texts leave, as the settings say."""

from __future__ import annotations

from app.application.notifications.ports import SmsGateway
from app.infrastructure.sms.folder import FolderSms
from app.infrastructure.sms.twilio import TwilioSms
from app.shared.settings import Settings, SettingsFault


def build_sms(settings: Settings) -> SmsGateway:
    """Raises SettingsFault when Twilio is chosen and lacks a setting. `auto` takes Twilio once it has an account."""
    way = settings.sms_gateway
    if way == "folder" or (way == "auto" and settings.twilio_account_sid is None):
        return FolderSms(settings.data_dir / "outbox")
    sid, token, number = settings.twilio_account_sid, settings.twilio_auth_token, settings.twilio_from
    if sid is None or token is None or number is None:
        raise SettingsFault("Texts through Twilio need TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_FROM.")
    return TwilioSms(sid, token.get_secret_value(), number, settings.twilio_url)
