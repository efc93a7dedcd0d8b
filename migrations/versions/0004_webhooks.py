"""Webhook endpoints, deliveries and their attempts.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE webhook_endpoints (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    url TEXT NOT NULL,
    events JSONB NOT NULL,
    description TEXT NOT NULL,
    status TEXT NOT NULL,
    disabled_reason TEXT,
    secret BYTEA NOT NULL,
    previous_secret BYTEA,
    previous_until TIMESTAMP WITH TIME ZONE,
    failures INTEGER NOT NULL DEFAULT 0,
    failing_since TIMESTAMP WITH TIME ZONE,
    open_until TIMESTAMP WITH TIME ZONE,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_webhook_endpoints PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_webhook_endpoints_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_webhook_endpoints_status_known CHECK (status IN ('active', 'paused', 'disabled', 'deleted')),
    CONSTRAINT ck_webhook_endpoints_failures_not_negative CHECK (failures >= 0)
);
CREATE TABLE webhook_deliveries (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    endpoint_id UUID NOT NULL,
    message_id UUID NOT NULL,
    replay INTEGER NOT NULL,
    type TEXT NOT NULL,
    stream_id UUID NOT NULL,
    sequence INTEGER NOT NULL,
    body BYTEA NOT NULL,
    request_id TEXT NOT NULL,
    traceparent TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at TIMESTAMP WITH TIME ZONE NOT NULL,
    leased_until TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    delivered_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_webhook_deliveries PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_webhook_deliveries_message UNIQUE (tenant_id, endpoint_id, message_id, replay),
    CONSTRAINT fk_webhook_deliveries_endpoint FOREIGN KEY(tenant_id, endpoint_id)
        REFERENCES webhook_endpoints (tenant_id, id),
    CONSTRAINT ck_webhook_deliveries_status_known CHECK (status IN ('pending', 'delivered', 'failed', 'cancelled')),
    CONSTRAINT ck_webhook_deliveries_attempts_not_negative CHECK (attempts >= 0)
);
CREATE INDEX ix_webhook_deliveries_due ON webhook_deliveries (tenant_id, endpoint_id, next_attempt_at, id)
    WHERE status = 'pending';
CREATE INDEX ix_webhook_deliveries_leased ON webhook_deliveries (tenant_id, endpoint_id, leased_until)
    WHERE status = 'pending' AND leased_until IS NOT NULL;
CREATE INDEX ix_webhook_deliveries_order ON webhook_deliveries (tenant_id, endpoint_id, stream_id, sequence)
    WHERE status = 'pending';
CREATE INDEX ix_webhook_deliveries_endpoint ON webhook_deliveries (tenant_id, endpoint_id, id);
CREATE INDEX ix_webhook_deliveries_old ON webhook_deliveries (created_at) WHERE status <> 'pending';
CREATE TABLE webhook_attempts (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    delivery_id UUID NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    duration_ms INTEGER NOT NULL,
    status_code INTEGER,
    error TEXT,
    response_headers JSONB NOT NULL,
    response_body BYTEA NOT NULL,
    CONSTRAINT pk_webhook_attempts PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_webhook_attempts_delivery FOREIGN KEY(tenant_id, delivery_id)
        REFERENCES webhook_deliveries (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_webhook_attempts_body_capped CHECK (octet_length(response_body) <= 10240)
);
CREATE INDEX ix_webhook_attempts_delivery ON webhook_attempts (tenant_id, delivery_id, id);
"""

TENANT_TABLES = ("webhook_endpoints", "webhook_deliveries", "webhook_attempts")
OF_CURRENT_TENANT = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"
OLD = "status <> 'pending' AND created_at < now() - interval '24 hours'"

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON webhook_endpoints, webhook_deliveries TO hello_app;
GRANT SELECT, INSERT ON webhook_attempts TO hello_app;
GRANT SELECT (tenant_id, id, status, failures, open_until), UPDATE (open_until) ON webhook_endpoints TO hello_worker;
GRANT SELECT (tenant_id, id, endpoint_id, stream_id, sequence, status, attempts, next_attempt_at, leased_until,
    created_at), UPDATE (leased_until), DELETE ON webhook_deliveries TO hello_worker;
"""


def upgrade() -> None:
    for statement in filter(None, map(str.strip, (TABLES + GRANTS).split(";"))):
        op.execute(statement)
    for table in TENANT_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner_all ON {table} TO hello_owner USING (true) WITH CHECK (true)")
        rule = OF_CURRENT_TENANT
        op.execute(f"CREATE POLICY tenant_isolation ON {table} TO hello_app USING ({rule}) WITH CHECK ({rule})")
    _worker_policies()


def _worker_policies() -> None:
    """The sender finds what is due in every tenant, and leases it. Bodies, URLs and secrets it reads in the tenant."""
    for name, table, rule in (
        ("worker_lanes", "webhook_endpoints", "status = 'active'"),
        ("worker_claims", "webhook_deliveries", "status = 'pending'"),
    ):
        op.execute(f"CREATE POLICY {name} ON {table} FOR SELECT TO hello_worker USING ({rule})")
    for name, table, rule in (
        ("worker_probes", "webhook_endpoints", "status = 'active'"),
        ("worker_leases", "webhook_deliveries", "status = 'pending'"),
    ):
        op.execute(f"CREATE POLICY {name} ON {table} FOR UPDATE TO hello_worker USING ({rule})")
    op.execute(f"CREATE POLICY worker_clean_up ON webhook_deliveries FOR DELETE TO hello_worker USING ({OLD})")
    op.execute(f"CREATE POLICY worker_clean_up_finds ON webhook_deliveries FOR SELECT TO hello_worker USING ({OLD})")


def downgrade() -> None:
    op.execute("DROP TABLE webhook_attempts, webhook_deliveries, webhook_endpoints")
