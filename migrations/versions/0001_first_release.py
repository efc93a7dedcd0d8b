"""Everything the first release stores, each tenant behind row-level security.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE audit_log (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor_id UUID NOT NULL,
    actor_kind TEXT NOT NULL,
    is_superuser BOOLEAN NOT NULL,
    action TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id UUID NOT NULL,
    outcome TEXT NOT NULL,
    request_id TEXT NOT NULL,
    ip TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    CONSTRAINT pk_audit_log PRIMARY KEY (tenant_id, id)
);
CREATE TABLE events (
    tenant_id UUID NOT NULL,
    stream_id UUID NOT NULL,
    version INTEGER NOT NULL,
    stream TEXT NOT NULL,
    type TEXT NOT NULL,
    data JSONB NOT NULL,
    metadata JSONB NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_events PRIMARY KEY (tenant_id, stream_id, version),
    CONSTRAINT ck_events_version_positive CHECK (version > 0)
);
CREATE TABLE idempotency_keys (
    tenant_id UUID NOT NULL,
    principal_id UUID NOT NULL,
    key TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    status SMALLINT NOT NULL,
    headers JSONB NOT NULL,
    body BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (tenant_id, principal_id, key)
);
CREATE INDEX ix_idempotency_keys_created_at ON idempotency_keys (created_at);
CREATE TABLE orders (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    number TEXT NOT NULL,
    buyer_id UUID NOT NULL,
    customer_email TEXT NOT NULL,
    customer_email_key TEXT NOT NULL,
    customer_name TEXT NOT NULL,
    total_amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    status TEXT NOT NULL,
    placed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    confirmed_at TIMESTAMP WITH TIME ZONE,
    cancelled_at TIMESTAMP WITH TIME ZONE,
    cancel_reason TEXT,
    version INTEGER NOT NULL,
    CONSTRAINT pk_orders PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_orders_tenant_id_number UNIQUE (tenant_id, number),
    CONSTRAINT ck_orders_status_known CHECK (status IN ('pending', 'confirmed', 'cancelled', 'expired', 'refunded'))
);
CREATE INDEX ix_orders_due ON orders (expires_at) WHERE status = 'pending';
CREATE INDEX ix_orders_tenant_id_buyer_id ON orders (tenant_id, buyer_id, id);
CREATE INDEX ix_orders_tenant_id_customer_email_key ON orders (tenant_id, customer_email_key, id);
CREATE INDEX ix_orders_tenant_id_status ON orders (tenant_id, status, id);
CREATE TABLE outbox (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    stream_id UUID NOT NULL,
    version INTEGER NOT NULL,
    type TEXT NOT NULL,
    request_id TEXT NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    published_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_outbox PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ix_outbox_unpublished ON outbox (id) WHERE published_at IS NULL;
CREATE TABLE tenants (
    id UUID NOT NULL,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_tenants PRIMARY KEY (id),
    CONSTRAINT uq_tenants_slug UNIQUE (slug),
    CONSTRAINT ck_tenants_status_known CHECK (status IN ('active', 'suspended'))
);
CREATE TABLE token_revocations (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    subject_id UUID NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_token_revocations PRIMARY KEY (tenant_id, id),
    CONSTRAINT ck_token_revocations_kind_known CHECK (kind IN ('session', 'member', 'account'))
);
CREATE INDEX ix_token_revocations_revoked_at ON token_revocations (revoked_at);
CREATE TABLE users (
    id UUID NOT NULL,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    full_name TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    is_superuser BOOLEAN NOT NULL,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT uq_users_email_key UNIQUE (email_key)
);
CREATE TABLE credentials (
    user_id UUID NOT NULL,
    password_hash TEXT NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_credentials PRIMARY KEY (user_id),
    CONSTRAINT fk_credentials_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);
CREATE TABLE memberships (
    tenant_id UUID NOT NULL,
    user_id UUID NOT NULL,
    id UUID NOT NULL,
    role TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    display_name TEXT NOT NULL,
    accepted_at TIMESTAMP WITH TIME ZONE,
    last_signed_in_at TIMESTAMP WITH TIME ZONE,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_memberships PRIMARY KEY (tenant_id, user_id),
    CONSTRAINT fk_memberships_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_memberships_user_id FOREIGN KEY(user_id) REFERENCES users (id),
    CONSTRAINT ck_memberships_role_known CHECK (role IN ('owner', 'admin', 'member', 'customer'))
);
CREATE INDEX ix_memberships_user_id ON memberships (user_id);
CREATE TABLE sessions (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    refresh_digest BYTEA NOT NULL,
    previous_digest BYTEA,
    rotated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    device_name TEXT NOT NULL,
    ip TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    version INTEGER NOT NULL,
    CONSTRAINT pk_sessions PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_sessions_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenants (id),
    CONSTRAINT fk_sessions_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);
CREATE INDEX ix_sessions_tenant_id_user_id ON sessions (tenant_id, user_id);
CREATE TABLE stock_pools (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    capacity BIGINT,
    held BIGINT NOT NULL,
    sold BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    CONSTRAINT pk_stock_pools PRIMARY KEY (tenant_id, id),
    CONSTRAINT ck_stock_pools_never_oversold CHECK (held >= 0 AND sold >= 0 AND held + sold <= capacity),
    CONSTRAINT ck_stock_pools_capacity_not_negative CHECK (capacity >= 0),
    CONSTRAINT fk_stock_pools_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenants (id)
);
CREATE TABLE products (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    pool_id UUID NOT NULL,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    search TEXT NOT NULL,
    description TEXT NOT NULL,
    kind TEXT NOT NULL,
    price_amount BIGINT NOT NULL,
    price_currency TEXT NOT NULL,
    status TEXT NOT NULL,
    max_per_order INTEGER,
    sale_starts_at TIMESTAMP WITH TIME ZONE,
    sale_ends_at TIMESTAMP WITH TIME ZONE,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_products PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_products_tenant_id_sku UNIQUE (tenant_id, sku),
    CONSTRAINT fk_products_tenant_id_pool_id FOREIGN KEY(tenant_id, pool_id) REFERENCES stock_pools (tenant_id, id),
    CONSTRAINT ck_products_price_not_negative CHECK (price_amount >= 0),
    CONSTRAINT ck_products_status_known CHECK (status IN ('draft', 'active', 'archived')),
    CONSTRAINT ck_products_kind_known CHECK (kind IN ('ticket', 'merchandise')),
    CONSTRAINT ck_products_max_per_order_positive CHECK (max_per_order > 0),
    CONSTRAINT ck_products_sale_window CHECK (sale_ends_at > sale_starts_at)
);
CREATE TABLE order_lines (
    tenant_id UUID NOT NULL,
    order_id UUID NOT NULL,
    line SMALLINT NOT NULL,
    product_id UUID NOT NULL,
    pool_id UUID NOT NULL,
    name TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    unit_amount BIGINT NOT NULL,
    CONSTRAINT pk_order_lines PRIMARY KEY (tenant_id, order_id, line),
    CONSTRAINT fk_order_lines_tenant_id_order_id FOREIGN KEY(tenant_id, order_id) REFERENCES orders (tenant_id, id),
    CONSTRAINT fk_order_lines_tenant_id_product_id FOREIGN KEY(tenant_id, product_id)
        REFERENCES products (tenant_id, id),
    CONSTRAINT ck_order_lines_quantity_positive CHECK (quantity > 0),
    CONSTRAINT ck_order_lines_unit_amount_not_negative CHECK (unit_amount >= 0)
);
CREATE INDEX ix_order_lines_tenant_id_product_id ON order_lines (tenant_id, product_id);
"""

TENANT_TABLES = (
    *("memberships", "sessions", "token_revocations", "stock_pools", "products", "orders", "order_lines"),
    *("events", "outbox", "audit_log", "idempotency_keys"),
)
GLOBAL_TABLES = ("tenants", "users", "credentials")

CURRENT_TENANT = "nullif(current_setting('app.tenant_id', true), '')::uuid"
OF_CURRENT_TENANT = f"tenant_id = {CURRENT_TENANT}"
IS_CURRENT_TENANT = f"id = {CURRENT_TENANT}"


def of_a_member(user_id: str) -> str:
    """An account shows itself to the tenants it belongs to."""
    return f"EXISTS (SELECT FROM memberships m WHERE m.{OF_CURRENT_TENANT} AND m.user_id = {user_id})"


GRANTS = """
GRANT SELECT, INSERT, UPDATE ON tenants TO hello_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON memberships TO hello_app;
GRANT SELECT, INSERT ON users TO hello_app;
GRANT UPDATE (full_name, is_active, version, updated_at) ON users TO hello_app;
GRANT INSERT ON credentials TO hello_app;
GRANT SELECT (user_id), UPDATE (password_hash, changed_at) ON credentials TO hello_app;
GRANT SELECT, INSERT, UPDATE ON sessions TO hello_app;
GRANT INSERT ON token_revocations TO hello_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON stock_pools, products TO hello_app;
GRANT SELECT, INSERT, UPDATE ON orders TO hello_app;
GRANT SELECT, INSERT ON order_lines, events, audit_log, idempotency_keys TO hello_app;
GRANT INSERT ON outbox TO hello_app;
GRANT SELECT ON tenants, memberships, users, credentials, token_revocations TO hello_worker;
GRANT SELECT (tenant_id, id, status, expires_at) ON orders TO hello_worker;
GRANT SELECT (created_at), DELETE ON idempotency_keys TO hello_worker;
GRANT SELECT ON alembic_version TO hello_app;
GRANT DELETE ON token_revocations TO hello_worker;
"""


def upgrade() -> None:
    for statement in filter(None, map(str.strip, (TABLES + GRANTS).split(";"))):
        op.execute(statement)
    for table in (*TENANT_TABLES, *GLOBAL_TABLES):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner_all ON {table} TO hello_owner USING (true) WITH CHECK (true)")
    for table in TENANT_TABLES:
        _tenant_policy(table, OF_CURRENT_TENANT)
    _tenant_policy("tenants", IS_CURRENT_TENANT)
    _account_policies()
    _worker_policies()


def _tenant_policy(table: str, rule: str) -> None:
    op.execute(f"CREATE POLICY tenant_isolation ON {table} TO hello_app USING ({rule}) WITH CHECK ({rule})")


def _account_policies() -> None:
    """An address can be registered by anybody; the row is then seen only where its account is a member."""
    for table, user_id in (("users", "users.id"), ("credentials", "credentials.user_id")):
        seen = of_a_member(user_id)
        op.execute(f"CREATE POLICY registration ON {table} FOR INSERT TO hello_app WITH CHECK (true)")
        op.execute(f"CREATE POLICY members_seen ON {table} FOR SELECT TO hello_app USING ({seen})")
        both = f"USING ({seen}) WITH CHECK ({seen})"
        op.execute(f"CREATE POLICY members_changed ON {table} FOR UPDATE TO hello_app {both}")


def _worker_policies() -> None:
    """What crosses tenants, each by its own name."""
    for table in ("tenants", "memberships", "users", "credentials"):
        op.execute(f"CREATE POLICY worker_sign_in ON {table} FOR SELECT TO hello_worker USING (true)")
    op.execute("CREATE POLICY worker_polls ON token_revocations FOR SELECT TO hello_worker USING (true)")
    op.execute("CREATE POLICY worker_expiry ON orders FOR SELECT TO hello_worker USING (status = 'pending')")
    for table, column in (("idempotency_keys", "created_at"), ("token_revocations", "revoked_at")):
        old = f"{column} < now() - interval '24 hours'"
        op.execute(f"CREATE POLICY worker_clean_up ON {table} FOR DELETE TO hello_worker USING ({old})")
    op.execute("CREATE POLICY worker_clean_up_finds ON idempotency_keys FOR SELECT TO hello_worker USING (true)")


def downgrade() -> None:
    tables = ", ".join((*TENANT_TABLES, *GLOBAL_TABLES))
    op.execute(f"DROP TABLE {tables}")
