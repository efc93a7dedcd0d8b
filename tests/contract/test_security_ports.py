"""What every implementation of the security ports must do, whichever keys it holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.application.cursors import CursorSigner, Fingerprints, InvalidCursor
from app.application.identity.ports import (
    AccessTokens,
    InvalidToken,
    PasswordHasher,
    RefreshHandle,
    RefreshSecrets,
)
from app.domain.identity.password import WeakPassword
from app.infrastructure.security.cursors import HmacCursorSigner
from app.infrastructure.security.fingerprints import HmacFingerprints
from app.infrastructure.security.keys import SigningKeys
from app.infrastructure.security.passwords import BcryptSha256Hasher
from app.infrastructure.security.refresh import HmacRefreshSecrets
from app.infrastructure.security.tokens import JwtAccessTokens
from app.shared.errors import Kind
from app.shared.ids import SessionId, TenantId, UserId
from tests.unit.security.builders import ONE_KEY, ROTATING, SESSION, TENANT, USER
from tests.unit.security.fakes import PlainHasher

KEYS = pytest.mark.parametrize("keys", [ONE_KEY, ROTATING], ids=["one key", "during a rotation"])
IDS = st.uuids()


@pytest.fixture(params=["bcrypt", "plain"])
def hasher(request: pytest.FixtureRequest) -> Iterator[PasswordHasher]:
    if request.param == "plain":
        yield PlainHasher()
        return
    real = BcryptSha256Hasher(rounds=4)
    yield real
    real.close()


def issued(tokens: AccessTokens, now: datetime, **ids: object) -> str:
    given = {"user_id": USER, "session_id": SESSION, "tenant_id": TENANT, "role": "member", "is_superuser": False}
    return tokens.issue(**(given | ids), now=now)  # type: ignore[arg-type]  # drawn by hypothesis


@KEYS
@given(IDS, IDS, IDS, st.text(max_size=50), st.booleans())
def test_a_token_tells_what_it_was_issued_for(
    keys: SigningKeys, user: UserId, session: SessionId, tenant: TenantId, role: str, superuser: bool
) -> None:
    tokens: AccessTokens = JwtAccessTokens(keys, lifetime_minutes=15)
    token = issued(
        tokens, datetime.now(UTC), user_id=user, session_id=session, tenant_id=tenant, role=role, is_superuser=superuser
    )
    told = tokens.verify(token)
    assert (told.user_id, told.session_id, told.tenant_id, told.role) == (user, session, tenant, role)
    assert told.is_superuser is superuser
    assert told.expires_at - told.issued_at == tokens.lifetime_seconds


@KEYS
def test_two_tokens_are_never_the_same(keys: SigningKeys) -> None:
    tokens: AccessTokens = JwtAccessTokens(keys, lifetime_minutes=15)
    now = datetime.now(UTC)
    assert tokens.verify(issued(tokens, now)).token_id != tokens.verify(issued(tokens, now)).token_id


@KEYS
def test_an_expired_or_strange_token_is_refused_as_unauthenticated(keys: SigningKeys) -> None:
    tokens: AccessTokens = JwtAccessTokens(keys, lifetime_minutes=15)
    for token in (issued(tokens, datetime.now(UTC) - timedelta(minutes=15)), "nonsense", ""):
        with pytest.raises(InvalidToken) as refused:
            tokens.verify(token)
        assert (refused.value.kind, refused.value.code) == (Kind.UNAUTHENTICATED, "invalid_token")


async def test_a_password_matches_its_hash_and_no_other(hasher: PasswordHasher) -> None:
    hashed = await hasher.hash("margaret wove memory")
    assert (await hasher.verify("margaret wove memory", hashed)).ok
    assert not (await hasher.verify("margaret wove memory", hashed)).needs_upgrade
    assert not (await hasher.verify("Margaret wove memory", hashed)).ok


@pytest.mark.parametrize("hashed", [None, "", "malformed"])
async def test_without_a_usable_hash_nothing_matches(hasher: PasswordHasher, hashed: str | None) -> None:
    check = await hasher.verify("", hashed)
    assert not check.ok
    assert not check.needs_upgrade


async def test_text_without_bytes_is_a_weak_password(hasher: PasswordHasher) -> None:
    with pytest.raises(WeakPassword):
        await hasher.hash("half \ud83d")
    assert not (await hasher.verify("half \ud83d", None)).ok


@KEYS
@given(IDS, IDS)
def test_a_refresh_token_and_its_successors_name_their_session(
    keys: SigningKeys, tenant: TenantId, session: SessionId
) -> None:
    secrets: RefreshSecrets = HmacRefreshSecrets(keys)
    first = secrets.new(tenant_id=tenant, session_id=session)
    for token in (first, *secrets.successors(first)):
        assert secrets.parse(token) == RefreshHandle(tenant, session)
        assert len(secrets.digest(token)) == 32


@KEYS
def test_a_refresh_token_has_one_successor_and_every_step_another(keys: SigningKeys) -> None:
    secrets: RefreshSecrets = HmacRefreshSecrets(keys)
    first = secrets.new(tenant_id=TENANT, session_id=SESSION)
    second = secrets.successor(first)
    assert secrets.successor(first) == second == secrets.successors(first)[0]
    assert len({secrets.digest(token) for token in (first, second, secrets.successor(second))}) == 3


@KEYS
def test_anything_else_is_no_refresh_token(keys: SigningKeys) -> None:
    secrets: RefreshSecrets = HmacRefreshSecrets(keys)
    with pytest.raises(InvalidToken):
        secrets.parse("htr_nonsense")


@KEYS
@given(st.lists(st.text(max_size=30), max_size=5).map(tuple), st.text(max_size=50))
def test_a_cursor_opens_to_what_was_sealed(keys: SigningKeys, position: tuple[str, ...], binding: str) -> None:
    cursors: CursorSigner = HmacCursorSigner(keys)
    assert cursors.open(cursors.seal(position, binding=binding), binding=binding) == position


@KEYS
@given(st.text(max_size=50), st.text(max_size=50))
def test_a_cursor_opens_under_its_own_binding_only(keys: SigningKeys, binding: str, other: str) -> None:
    cursors: CursorSigner = HmacCursorSigner(keys)
    cursor = cursors.seal(("a", "b"), binding=binding)
    if other != binding:
        with pytest.raises(InvalidCursor) as refused:
            cursors.open(cursor, binding=other)
        assert (refused.value.kind, refused.value.code) == (Kind.INVALID, "invalid_cursor")


@KEYS
@given(st.lists(st.binary(max_size=30), max_size=4))
def test_a_fingerprint_is_32_bytes_and_matches_its_parts(keys: SigningKeys, parts: list[bytes]) -> None:
    fingerprints: Fingerprints = HmacFingerprints(keys)
    assert len(fingerprints.of(*parts)) == 32
    assert fingerprints.matches(fingerprints.of(*parts), *parts)
    assert not fingerprints.matches(fingerprints.of(*parts), *parts, b"")
