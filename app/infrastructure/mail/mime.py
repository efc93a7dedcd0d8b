"""A mail as RFC 5322 has it: text and HTML side by side, a Message-ID that never changes."""

from __future__ import annotations

import re
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from app.application.notifications.ports import Mail, Undelivered

_BREAKS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_TURNS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
"""Explicit directional formatting (Unicode UAX #9): with it a name can be made to read as another sender's."""


def one_line(text: str) -> str:
    """For a header: a line break in a name would begin a header of its own (CWE-93)."""
    return " ".join(_TURNS.sub("", _BREAKS.sub(" ", text)).split())


class Sender:
    """Who all mail is from: EMAIL_FROM's address, under the tenant's name."""

    def __init__(self, email_from: str) -> None:
        """Raises ValueError when `email_from` is no address such as `Name <user@example.com>`."""
        self.name, self.address = parseaddr(email_from)
        _, at, self.domain = self.address.rpartition("@")
        if not at or not self.domain or not self.address.isascii():
            raise ValueError("EMAIL_FROM must be an address, such as Name <no-reply@example.com>.")

    def message_id(self, mail: Mail) -> str:
        return f"<{mail.name}@{self.domain}>"

    def shown_name(self, mail: Mail) -> str:
        return one_line(mail.sender_name) or self.name


def build(mail: Mail, sender: Sender) -> EmailMessage:
    """Raises Undelivered for an address that no header can hold."""
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = _address(sender.address, sender.shown_name(mail))
        message["To"] = _address(mail.to)
        if mail.reply_to is not None:
            message["Reply-To"] = _address(mail.reply_to)
    except (ValueError, MessageError, IndexError) as error:
        raise Undelivered("The address can't be written into a mail.", bad_address=True) from error
    message["Subject"] = one_line(mail.subject)
    message["Date"] = format_datetime(mail.at)
    message["Message-ID"] = sender.message_id(mail)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    return message


def _address(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    if not local or not domain or one_line(address) != address:
        raise ValueError("an address has two parts, in one line")
    return Address(name, username=local, domain=domain)
