from __future__ import annotations

from dataclasses import dataclass

from app.application.identity.commands.refresh_session import RefreshSession
from app.application.identity.ports import RefreshSecrets
from app.application.identity.tokens import TokenPair
from app.shared.mediator import Refused, Sender, Workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshTokens(Workflow[TokenPair | Refused]):
    """Exchange a refresh token for its successor, in the tenant the token names."""

    refresh_token: str


@dataclass(slots=True)
class RefreshTokensHandler:
    secrets: RefreshSecrets
    sender: Sender

    async def handle(self, message: RefreshTokens) -> TokenPair | Refused:
        tenant_id = self.secrets.parse(message.refresh_token).tenant_id
        command = RefreshSession(refresh_token=message.refresh_token, tenant_id=tenant_id)
        return await self.sender.send(command, tenant_id=tenant_id)
