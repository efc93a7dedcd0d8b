from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from app.application.files.ports import InvalidLink
from app.infrastructure.security.keys import SigningKeys
from app.infrastructure.security.links import HmacFileLinks
from app.shared.ids import FileId, TenantId
from tests.support.fakes import NOON, SettableClock
from tests.unit.security.builders import NEW, OLD, ONE_KEY, ROTATING, STRANGE, TENANT, every_changed_character

FILE = FileId(UUID("01890a5d-ac96-774b-bcce-b302099a8061"))
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
HOUR = timedelta(hours=1)


def links(keys: SigningKeys = ONE_KEY, clock: SettableClock | None = None) -> HmacFileLinks:
    return HmacFileLinks(keys, "https://shop.example/api-base/", clock or SettableClock())


def signed(keys: SigningKeys = ONE_KEY, tenant_id: TenantId = TENANT, file_id: FileId = FILE) -> tuple[str, str]:
    query = parse_qs(urlsplit(links(keys).url(tenant_id, file_id, HOUR)).query)
    return query["expires"][0], query["signature"][0]


def refused(expires: str, signature: str, file_id: FileId = FILE, clock: SettableClock | None = None) -> bool:
    try:
        links(clock=clock).check(file_id, expires=expires, signature=signature)
    except InvalidLink:
        return True
    return False


def test_a_link_begins_with_the_public_address() -> None:
    url = links().url(TENANT, FILE, HOUR)
    assert url.startswith(f"https://shop.example/api-base/api/v1/files/{FILE}?expires={int(NOON.timestamp()) + 3600}&")


def test_a_signed_link_tells_the_tenant() -> None:
    expires, signature = signed()
    assert links().check(FILE, expires=expires, signature=signature) == TENANT


def test_a_link_ends_on_the_second() -> None:
    expires, signature = signed()
    clock = SettableClock()
    clock.move(seconds=3_599.9)
    assert not refused(expires, signature, clock=clock)
    clock.move(seconds=0.1)
    assert refused(expires, signature, clock=clock)


def test_every_changed_byte_of_signature_and_expiry_is_refused() -> None:
    expires, signature = signed()
    for changed in every_changed_character(signature, BASE64URL):
        assert changed == signature or refused(expires, changed)
    for changed in every_changed_character(expires, "0123456789"):
        assert changed == expires or refused(changed, signature)


def test_another_file_is_refused_whichever_byte_of_its_id_differs() -> None:
    expires, signature = signed()
    for at in range(16):
        other = bytearray(FILE.bytes)
        other[at] ^= 1
        assert refused(expires, signature, FileId(UUID(bytes=bytes(other))))


def test_a_signature_is_no_use_with_another_tenant_put_before_it() -> None:
    expires, mine = signed()
    _, theirs = signed(tenant_id=TenantId(UUID(int=5)))
    assert refused(expires, theirs[:21] + mine[21:])
    assert refused(expires, mine[:21] + theirs[21:])


@pytest.mark.parametrize(
    "expires", ["", "0", "-1", "+{0}", " {0}", "{0} ", "0{0}", "{0}.0", "{0}e0", "٣{0}", "9" * 400]
)
def test_only_plain_seconds_are_an_expiry(expires: str) -> None:
    given, signature = signed()
    assert refused(expires.format(given), signature)


@pytest.mark.parametrize("signature", ["", "=", "A" * 63, "A" * 64, "A" * 65, "é" * 64, "+" * 64, "A" * 100_000])
def test_what_was_never_signed_is_refused(signature: str) -> None:
    assert refused(signed()[0], signature)


def test_the_previous_key_s_links_are_good_during_a_rotation_and_not_after() -> None:
    expires, signature = signed(SigningKeys(OLD))
    assert links(ROTATING).check(FILE, expires=expires, signature=signature) == TENANT
    with pytest.raises(InvalidLink):
        links(SigningKeys(NEW)).check(FILE, expires=expires, signature=signature)
    with pytest.raises(InvalidLink):
        links(SigningKeys(STRANGE)).check(FILE, expires=expires, signature=signature)


def test_during_a_rotation_the_new_key_signs() -> None:
    expires, signature = signed(ROTATING)
    assert links(SigningKeys(NEW)).check(FILE, expires=expires, signature=signature) == TENANT
