"""Mail and SMS: what is to be sent, what became of it, how a tenant looks in it.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE outgoing_messages (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    channel TEXT NOT NULL,
    recipient TEXT NOT NULL,
    recipient_key TEXT NOT NULL,
    template TEXT NOT NULL,
    locale TEXT NOT NULL,
    context JSONB NOT NULL,
    subject TEXT NOT NULL,
    body_text TEXT NOT NULL,
    body_html TEXT,
    sender_name TEXT NOT NULL,
    reply_to TEXT,
    event_id UUID NOT NULL,
    request_id TEXT NOT NULL,
    status TEXT NOT NULL,
    copy INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    next_attempt_at TIMESTAMP WITH TIME ZONE NOT NULL,
    leased_until TIMESTAMP WITH TIME ZONE,
    sent_at TIMESTAMP WITH TIME ZONE,
    provider_id TEXT,
    last_error TEXT,
    version INTEGER NOT NULL,
    CONSTRAINT pk_outgoing_messages PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_outgoing_messages_once UNIQUE (tenant_id, event_id, template, channel, recipient_key),
    CONSTRAINT ck_outgoing_messages_channel_known CHECK (channel IN ('mail', 'sms')),
    CONSTRAINT ck_outgoing_messages_status_known
        CHECK (status IN ('queued', 'sent', 'failed', 'bounced', 'suppressed')),
    CONSTRAINT ck_outgoing_messages_attempts_not_negative CHECK (attempts >= 0)
);
CREATE INDEX ix_outgoing_messages_queued ON outgoing_messages (channel, tenant_id, next_attempt_at)
    WHERE status = 'queued';
CREATE INDEX ix_outgoing_messages_tenant_id_status ON outgoing_messages (tenant_id, status, id);
CREATE INDEX ix_outgoing_messages_created_at ON outgoing_messages (created_at) WHERE status <> 'queued';
CREATE TABLE message_quotas (
    tenant_id UUID NOT NULL,
    channel TEXT NOT NULL,
    hour TIMESTAMP WITH TIME ZONE NOT NULL,
    used INTEGER NOT NULL,
    CONSTRAINT pk_message_quotas PRIMARY KEY (tenant_id, channel),
    CONSTRAINT ck_message_quotas_channel_known CHECK (channel IN ('mail', 'sms')),
    CONSTRAINT ck_message_quotas_used_not_negative CHECK (used >= 0)
);
CREATE TABLE suppressions (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    address_key TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_suppressions PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_suppressions_address UNIQUE (tenant_id, channel, address_key),
    CONSTRAINT fk_suppressions_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_suppressions_channel_known CHECK (channel IN ('mail', 'sms'))
);
CREATE TABLE branding (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    sender_name TEXT,
    reply_to TEXT,
    logo_url TEXT,
    accent_color TEXT NOT NULL,
    footer TEXT NOT NULL,
    locale TEXT NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT pk_branding PRIMARY KEY (tenant_id),
    CONSTRAINT fk_branding_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_branding_accent_color_is_one CHECK (accent_color ~ '^#[0-9a-fA-F]{6}$'),
    CONSTRAINT ck_branding_logo_is_encrypted CHECK (logo_url LIKE 'https://%'),
    CONSTRAINT ck_branding_locale_known CHECK (locale IN ('en', 'de'))
);
"""

TENANT_TABLES = ("outgoing_messages", "message_quotas", "suppressions", "branding")

OF_CURRENT_TENANT = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON outgoing_messages, branding TO hello_app;
GRANT SELECT, INSERT, DELETE ON suppressions TO hello_app;
GRANT INSERT ON message_quotas TO hello_app;
GRANT SELECT, UPDATE (leased_until, attempts), DELETE ON outgoing_messages TO hello_worker;
GRANT SELECT, UPDATE (hour, used) ON message_quotas TO hello_worker;
"""

QUEUED = "status = 'queued'"
OVER_AND_OLD = "status <> 'queued' AND created_at < now() - interval '24 hours'"


def upgrade() -> None:
    for statement in filter(None, map(str.strip, (TABLES + GRANTS).split(";"))):
        op.execute(statement)
    for table in TENANT_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner_all ON {table} TO hello_owner USING (true) WITH CHECK (true)")
        both = f"USING ({OF_CURRENT_TENANT}) WITH CHECK ({OF_CURRENT_TENANT})"
        op.execute(f"CREATE POLICY tenant_isolation ON {table} TO hello_app {both}")
    _worker_policies()


def _worker_policies() -> None:
    """What waits is claimed over all tenants; what is over is cleared away when it is old."""
    messages, quotas = "ON outgoing_messages FOR", "ON message_quotas FOR"
    op.execute(f"CREATE POLICY worker_sends {messages} SELECT TO hello_worker USING ({QUEUED})")
    op.execute(f"CREATE POLICY worker_claims {messages} UPDATE TO hello_worker USING ({QUEUED}) WITH CHECK ({QUEUED})")
    op.execute(f"CREATE POLICY worker_clean_up_finds {messages} SELECT TO hello_worker USING ({OVER_AND_OLD})")
    op.execute(f"CREATE POLICY worker_clean_up {messages} DELETE TO hello_worker USING ({OVER_AND_OLD})")
    op.execute(f"CREATE POLICY worker_limits {quotas} SELECT TO hello_worker USING (true)")
    op.execute(f"CREATE POLICY worker_counts {quotas} UPDATE TO hello_worker USING (true) WITH CHECK (true)")


def downgrade() -> None:
    op.execute(f"DROP TABLE {', '.join(TENANT_TABLES)}")
