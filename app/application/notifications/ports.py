"""What notifications needs from the outside: templates, and ways out for mails and texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from app.domain.notifications.branding import Look
from app.domain.notifications.message import Channel

LONGEST_REASON = 500


class Undelivered(Exception):
    """A gateway could not hand a message over; `said` is the other side's word.

    `permanent`: trying again is pointless. `bad_address`: nothing will ever reach this address.
    `retry_after`: how long the other side wants to be left alone.
    """

    def __init__(
        self, said: str, *, permanent: bool = False, bad_address: bool = False, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(said, permanent or bad_address, bad_address, retry_after)

    @property
    def reason(self) -> str:
        """One line, short enough to be kept."""
        return " ".join(str(self.args[0]).split())[:LONGEST_REASON]

    @property
    def permanent(self) -> bool:
        return bool(self.args[1])

    @property
    def bad_address(self) -> bool:
        return bool(self.args[2])

    @property
    def retry_after(self) -> timedelta | None:
        asked: timedelta | None = self.args[3]
        return asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """`name` identifies it to whoever gets it twice: the Message-ID is made from it, and it never changes."""

    name: str
    to: str
    sender_name: str
    reply_to: str | None
    subject: str
    text: str
    html: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMessage:
    """`to` is a number as E.164 writes it, such as +4930123456."""

    name: str
    to: str
    text: str


class MailGateway(Protocol):
    async def send(self, mail: Mail) -> str:
        """What the other side calls it, once it has taken it over. Raises Undelivered."""
        ...

    async def close(self) -> None: ...


class SmsGateway(Protocol):
    async def send(self, message: TextMessage) -> str:
        """What the other side calls it, once it has taken it over. Raises Undelivered."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What a template gives; texts have neither subject nor HTML."""

    subject: str
    text: str
    html: str | None


class Templates(Protocol):
    def render(
        self, channel: Channel, template: str, look: Look, sender_name: str, context: Mapping[str, object]
    ) -> Rendered:
        """In the look's language, or English where there is none. Raises when the context lacks what is shown."""
        ...
