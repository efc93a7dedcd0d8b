from __future__ import annotations

import pytest

from app.presentation.refusals import BodyTooLarge, MalformedBody
from app.presentation.strict_form import MAX_FIELDS, MAX_FORM_BYTES, check_form


@pytest.mark.parametrize("body", [b"", b"a=1&b=2", b"username=ada%40x.org&password=a+b%26c", "a=%C3%A9&b=é".encode()])
def test_an_ordinary_form_passes(body: bytes) -> None:
    check_form(body)


@pytest.mark.parametrize(
    "body",
    [
        b"a=%00",
        b"a=\x00",
        b"%00=a",
        b"a=%ff",
        b"a=\xff",
        b"a=%ed%a0%80",
        b"a=1&a=2",
        b"a=1&%61=2",
        b"&".join(b"f%d=1" % i for i in range(MAX_FIELDS + 1)),
    ],
)
def test_a_hostile_form_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        check_form(body)


def test_a_long_form_is_too_large_and_costs_nothing() -> None:
    with pytest.raises(BodyTooLarge):
        check_form(b"password=" + b"%41" * MAX_FORM_BYTES)
