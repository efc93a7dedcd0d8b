"""Files: what was uploaded, by whom, where it lies.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

FILES = """
CREATE TABLE files (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    owner_kind TEXT NOT NULL,
    owner_id UUID NOT NULL,
    storage_key TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    width INTEGER,
    height INTEGER,
    uploaded_by UUID NOT NULL,
    uploaded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT pk_files PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_files_tenant_id_storage_key UNIQUE (tenant_id, storage_key),
    CONSTRAINT fk_files_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenants (id),
    CONSTRAINT ck_files_owner_kind_known CHECK (owner_kind IN ('product', 'event')),
    CONSTRAINT ck_files_key_is_the_tenants CHECK (starts_with(storage_key, tenant_id::text || '/')),
    CONSTRAINT ck_files_size_positive CHECK (size_bytes > 0),
    CONSTRAINT ck_files_sha256_hex CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_files_dimensions_positive CHECK (width > 0 AND height > 0)
);
CREATE INDEX ix_files_tenant_id_owner ON files (tenant_id, owner_kind, owner_id);
ALTER TABLE products ADD COLUMN image_file_id UUID;
ALTER TABLE products ADD CONSTRAINT fk_products_tenant_id_image_file_id
    FOREIGN KEY (tenant_id, image_file_id) REFERENCES files (tenant_id, id);
CREATE INDEX ix_products_tenant_id_image_file_id ON products (tenant_id, image_file_id)
    WHERE image_file_id IS NOT NULL;
GRANT SELECT, INSERT, DELETE ON files TO hello_app;
ALTER TABLE files ENABLE ROW LEVEL SECURITY;
ALTER TABLE files FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON files TO hello_owner USING (true) WITH CHECK (true);
"""

OF_CURRENT_TENANT = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"


def upgrade() -> None:
    for statement in filter(None, map(str.strip, FILES.split(";"))):
        op.execute(statement)
    rule = f"USING ({OF_CURRENT_TENANT}) WITH CHECK ({OF_CURRENT_TENANT})"
    op.execute(f"CREATE POLICY tenant_isolation ON files TO hello_app {rule}")


def downgrade() -> None:
    op.execute("ALTER TABLE products DROP COLUMN image_file_id")
    op.execute("DROP TABLE files")
