"""Mails and texts from `templates/<locale>/<name>.{subject,txt,html,sms}`. HTML is escaped, what is missing raises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context

from app.application.notifications.ports import Rendered
from app.domain.notifications.branding import Locale, Look
from app.domain.notifications.message import Channel
from app.infrastructure.mail import formats
from app.infrastructure.mail.mime import one_line

FOLDER = Path(__file__).parent / "templates"
_EMPTY_LINES = re.compile(r"\n{3,}")


class JinjaTemplates:
    """Parsed once, kept for the life of the process."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._environment = Environment(
            loader=FileSystemLoader(folder),
            undefined=StrictUndefined,
            autoescape=select_autoescape(("html",), default_for_string=True, default=False),
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters["money"] = _money
        self._environment.filters["instant"] = _instant

    def render(
        self, channel: Channel, template: str, look: Look, sender_name: str, context: Mapping[str, object]
    ) -> Rendered:
        locale = self._locale(look.locale, template)
        values = {**_one_line_each(context), "locale": locale, "look": look, "sender_name": one_line(sender_name)}
        if channel is Channel.SMS:
            return Rendered(subject="", text=self._part(locale, template, "sms", values).strip(), html=None)
        values["on_accent"] = formats.text_on(look.accent_color)
        subject = " ".join(self._part(locale, template, "subject", values).split())
        return Rendered(
            subject=subject,
            text=_EMPTY_LINES.sub("\n\n", self._part(locale, template, "txt", values)).strip() + "\n",
            html=self._part(locale, template, "html", {**values, "subject": subject}),
        )

    def _locale(self, wanted: str, template: str) -> str:
        """English where a template has not been translated."""
        return wanted if any((self._folder / wanted).glob(f"{template}.*")) else Locale.EN.value

    def _part(self, locale: str, template: str, kind: str, values: Mapping[str, object]) -> str:
        return self._environment.get_template(f"{locale}/{template}.{kind}").render(values)


def _one_line_each(value: Any) -> Any:
    """Line breaks in a name would let it pass for words of ours."""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, Mapping):
        return {key: _one_line_each(inner) for key, inner in value.items()}
    return [_one_line_each(inner) for inner in value] if isinstance(value, list | tuple) else value


@pass_context
def _money(context: Context, value: Mapping[str, Any]) -> str:
    return formats.money(value, context["locale"])


@pass_context
def _instant(context: Context, value: str) -> str:
    return formats.instant(value, context["locale"])
