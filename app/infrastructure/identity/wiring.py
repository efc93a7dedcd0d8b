"""Identity's bindings: which handler answers which message, with what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from app.application.identity.commands.close_account import CloseAccount, CloseAccountHandler
from app.application.identity.commands.close_session import CloseSession, CloseSessionHandler
from app.application.identity.commands.enrol_account import EnrolAccount, EnrolAccountHandler
from app.application.identity.commands.join_tenant import JoinTenant, JoinTenantHandler
from app.application.identity.commands.open_session import OpenSession, OpenSessionHandler
from app.application.identity.commands.record_failed_sign_in import RecordFailedSignIn, RecordFailedSignInHandler
from app.application.identity.commands.refresh_session import RefreshSession, RefreshSessionHandler
from app.application.identity.commands.register_account import RegisterAccount, RegisterAccountHandler
from app.application.identity.commands.rename_account import RenameAccount, RenameAccountHandler
from app.application.identity.contracts import AccountLookup, Revocations
from app.application.identity.ports import AccessTokens, AccountDirectory, PasswordHasher, RefreshSecrets
from app.application.identity.queries.get_me import GetMe
from app.application.identity.queries.get_profile import GetProfile
from app.application.identity.workflows.prepare_registration import PrepareRegistration, PrepareRegistrationHandler
from app.application.identity.workflows.prepare_user import PrepareUser, PrepareUserHandler
from app.application.identity.workflows.refresh_tokens import RefreshTokens, RefreshTokensHandler
from app.application.identity.workflows.sign_in import SignIn, SignInHandler
from app.application.ports import Clock, IdSource
from app.application.tenancy.contracts import Members
from app.domain.identity.account import EmailTaken
from app.infrastructure.database.dispatch import Routes
from app.infrastructure.database.scope import Scope
from app.infrastructure.identity.audit import SqlAuditTrail
from app.infrastructure.identity.lookup import SqlAccountLookup
from app.infrastructure.identity.queries import GetMeHandler, GetProfileHandler
from app.infrastructure.identity.repository import SqlAccountRepository, SqlSessionRepository
from app.infrastructure.identity.revocations import SqlRevocations


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityParts:
    """What identity is wired with."""

    directory: AccountDirectory
    hasher: PasswordHasher
    tokens: AccessTokens
    secrets: RefreshSecrets
    members_of: Callable[[Scope], Members]
    clock: Clock
    ids: IdSource
    session_lifetime: timedelta


def revocations_of(scope: Scope) -> Revocations:
    """Identity's contract, handed to other contexts by the composition root."""
    return SqlRevocations(scope)


def accounts_of(scope: Scope) -> AccountLookup:
    """Identity's contract, handed to other contexts by the composition root."""
    return SqlAccountLookup(scope)


def bind_identity(routes: Routes, parts: IdentityParts) -> None:
    _bind_accounts(routes, parts)
    _bind_sessions(routes, parts)
    routes.query(GetMe, GetMeHandler)
    routes.query(GetProfile, GetProfileHandler)
    routes.constraint("uq_users_email_key", EmailTaken("This address has an account; sign in, or join this tenant."))


def _bind_accounts(routes: Routes, parts: IdentityParts) -> None:
    clock, ids, members_of = parts.clock, parts.ids, parts.members_of
    routes.command(
        RegisterAccount, lambda s: RegisterAccountHandler(SqlAccountRepository(s), members_of(s), clock, ids)
    )
    routes.command(EnrolAccount, lambda s: EnrolAccountHandler(members_of(s), clock))
    routes.command(JoinTenant, lambda s: JoinTenantHandler(members_of(s), clock))
    routes.command(RenameAccount, lambda s: RenameAccountHandler(SqlAccountRepository(s), members_of(s), clock))
    routes.command(
        CloseAccount,
        lambda s: CloseAccountHandler(
            SqlAccountRepository(s), parts.directory, members_of(s), revocations_of(s), clock
        ),
    )
    routes.workflow(PrepareRegistration, lambda sender: PrepareRegistrationHandler(parts.hasher, sender))
    routes.workflow(PrepareUser, lambda sender: PrepareUserHandler(parts.directory, parts.hasher, sender))


def _bind_sessions(routes: Routes, parts: IdentityParts) -> None:
    clock, ids, members_of = parts.clock, parts.ids, parts.members_of
    tokens, secrets = parts.tokens, parts.secrets
    routes.command(
        OpenSession,
        lambda s: OpenSessionHandler(
            sessions=SqlSessionRepository(s),
            accounts=SqlAccountRepository(s),
            members=members_of(s),
            tokens=tokens,
            secrets=secrets,
            clock=clock,
            ids=ids,
            lifetime=parts.session_lifetime,
        ),
    )
    routes.command(
        RefreshSession,
        lambda s: RefreshSessionHandler(
            sessions=SqlSessionRepository(s),
            accounts=SqlAccountRepository(s),
            members=members_of(s),
            directory=parts.directory,
            revocations=revocations_of(s),
            tokens=tokens,
            secrets=secrets,
            clock=clock,
        ),
    )
    routes.command(CloseSession, lambda s: CloseSessionHandler(SqlSessionRepository(s), revocations_of(s), clock))
    routes.command(RecordFailedSignIn, lambda s: RecordFailedSignInHandler(SqlAuditTrail(s), clock))
    routes.workflow(SignIn, lambda sender: SignInHandler(parts.directory, parts.hasher, sender))
    routes.workflow(RefreshTokens, lambda sender: RefreshTokensHandler(secrets, sender))
