"""The way out and back in: outbox partitions, queues, inbox, dead letters, leases, schedules, jobs.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OUTBOX = """
ALTER TABLE outbox
    ADD COLUMN position BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN partition SMALLINT NOT NULL GENERATED ALWAYS AS (get_byte(uuid_send(stream_id), 15) & 7) STORED,
    ADD COLUMN subscriber TEXT,
    ADD COLUMN message_id UUID;
DROP INDEX ix_outbox_unpublished;
CREATE INDEX ix_outbox_unpublished ON outbox (partition, tenant_id, position) WHERE published_at IS NULL;
CREATE INDEX ix_outbox_published_at ON outbox (published_at)
"""

TABLES = """
CREATE TABLE queue_messages (
    tenant_id UUID NOT NULL,
    subscriber TEXT NOT NULL,
    message_id UUID NOT NULL,
    partition SMALLINT NOT NULL,
    position BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
    body BYTEA NOT NULL,
    takes SMALLINT NOT NULL DEFAULT 0,
    queued_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT pk_queue_messages PRIMARY KEY (tenant_id, subscriber, message_id),
    CONSTRAINT ck_queue_messages_partition_known CHECK (partition BETWEEN 0 AND 7)
);
CREATE INDEX ix_queue_messages_next ON queue_messages (subscriber, partition, position);
CREATE TABLE inbox (
    tenant_id UUID NOT NULL,
    subscriber TEXT NOT NULL,
    message_id UUID NOT NULL,
    handled_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT pk_inbox PRIMARY KEY (tenant_id, subscriber, message_id)
);
CREATE INDEX ix_inbox_handled_at ON inbox (handled_at);
CREATE TABLE dead_letters (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    subscriber TEXT NOT NULL,
    message_id UUID NOT NULL,
    type TEXT NOT NULL,
    stream TEXT NOT NULL,
    stream_id UUID NOT NULL,
    version INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    body BYTEA NOT NULL,
    reason TEXT NOT NULL,
    tries INTEGER NOT NULL,
    died_at TIMESTAMP WITH TIME ZONE NOT NULL,
    replayed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_dead_letters PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_dead_letters_tenant_id_subscriber_message_id UNIQUE (tenant_id, subscriber, message_id)
);
CREATE INDEX ix_dead_letters_died_at ON dead_letters (died_at);
CREATE TABLE jobs (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    command TEXT NOT NULL,
    arguments BYTEA NOT NULL,
    permission TEXT,
    role TEXT,
    caller JSONB NOT NULL,
    actor_id UUID NOT NULL,
    request_id TEXT NOT NULL,
    status TEXT NOT NULL,
    result JSONB,
    failure JSONB,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_jobs PRIMARY KEY (tenant_id, id),
    CONSTRAINT ck_jobs_status_known CHECK (status IN ('queued', 'running', 'succeeded', 'failed'))
);
CREATE INDEX ix_jobs_finished_at ON jobs (finished_at);
CREATE TABLE leases (
    name TEXT NOT NULL,
    holder UUID,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_leases PRIMARY KEY (name)
);
CREATE TABLE workers (
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_workers PRIMARY KEY (id),
    CONSTRAINT ck_workers_kind_known CHECK (kind IN ('api', 'worker'))
);
CREATE TABLE schedules (
    name TEXT NOT NULL,
    every_seconds DOUBLE PRECISION NOT NULL,
    next_run_at TIMESTAMP WITH TIME ZONE NOT NULL,
    holder UUID,
    leased_until TIMESTAMP WITH TIME ZONE,
    last_started_at TIMESTAMP WITH TIME ZONE,
    last_finished_at TIMESTAMP WITH TIME ZONE,
    last_result TEXT,
    last_error TEXT,
    runs BIGINT NOT NULL,
    CONSTRAINT pk_schedules PRIMARY KEY (name),
    CONSTRAINT ck_schedules_every_positive CHECK (every_seconds > 0)
)
"""

TENANT_TABLES = ("queue_messages", "inbox", "dead_letters", "jobs")
GLOBAL_TABLES = ("leases", "workers", "schedules")
OF_CURRENT_TENANT = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"

GRANTS = """
GRANT SELECT, UPDATE (published_at), DELETE ON outbox TO hello_worker;
GRANT SELECT ON events TO hello_worker;
GRANT SELECT, INSERT, UPDATE (takes), DELETE ON queue_messages TO hello_worker;
GRANT SELECT, INSERT ON inbox TO hello_app;
GRANT SELECT, DELETE ON inbox TO hello_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON dead_letters TO hello_app;
GRANT SELECT, DELETE ON dead_letters TO hello_worker;
GRANT SELECT, INSERT ON jobs TO hello_app;
GRANT UPDATE (status, result, failure, version, started_at, finished_at) ON jobs TO hello_app;
GRANT SELECT (tenant_id, id, status, created_at, finished_at), DELETE ON jobs TO hello_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON leases, workers, schedules TO hello_worker
"""

POLICIES = """
CREATE POLICY worker_relays ON outbox FOR SELECT TO hello_worker USING (true);
CREATE POLICY worker_marks ON outbox FOR UPDATE TO hello_worker USING (true) WITH CHECK (true);
CREATE POLICY worker_clean_up ON outbox FOR DELETE TO hello_worker USING (published_at < now() - interval '24 hours');
CREATE POLICY worker_relays ON events FOR SELECT TO hello_worker USING (true);
CREATE POLICY worker_queues ON queue_messages TO hello_worker USING (true) WITH CHECK (true);
CREATE POLICY worker_clean_up_finds ON inbox FOR SELECT TO hello_worker USING (true);
CREATE POLICY worker_clean_up ON inbox FOR DELETE TO hello_worker USING (handled_at < now() - interval '24 hours');
CREATE POLICY worker_lists ON dead_letters FOR SELECT TO hello_worker USING (true);
CREATE POLICY worker_clean_up ON dead_letters FOR DELETE TO hello_worker USING (died_at < now() - interval '24 hours');
CREATE POLICY worker_counts ON jobs FOR SELECT TO hello_worker USING (true);
CREATE POLICY worker_clean_up ON jobs FOR DELETE TO hello_worker USING (finished_at < now() - interval '24 hours');
CREATE POLICY worker_runs ON leases TO hello_worker USING (true) WITH CHECK (true);
CREATE POLICY worker_runs ON workers TO hello_worker USING (true) WITH CHECK (true);
CREATE POLICY worker_runs ON schedules TO hello_worker USING (true) WITH CHECK (true)
"""


def _each(statements: str) -> None:
    for statement in filter(None, map(str.strip, statements.split(";"))):
        op.execute(statement)


def upgrade() -> None:
    _each(OUTBOX)
    _each(TABLES)
    for table in (*TENANT_TABLES, *GLOBAL_TABLES):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner_all ON {table} TO hello_owner USING (true) WITH CHECK (true)")
    for table in TENANT_TABLES:
        op.execute(
            f"CREATE POLICY tenant_isolation ON {table} TO hello_app "
            f"USING ({OF_CURRENT_TENANT}) WITH CHECK ({OF_CURRENT_TENANT})"
        )
    _each(GRANTS)
    _each(POLICIES)


def downgrade() -> None:
    op.execute(f"DROP TABLE {', '.join((*TENANT_TABLES, *GLOBAL_TABLES))}")
    for policy, table in (
        *(("worker_relays", "outbox"), ("worker_marks", "outbox"), ("worker_clean_up", "outbox")),
        ("worker_relays", "events"),
    ):
        op.execute(f"DROP POLICY {policy} ON {table}")
    op.execute("REVOKE ALL ON outbox, events FROM hello_worker")
    op.execute("DROP INDEX ix_outbox_published_at")
    op.execute("DROP INDEX ix_outbox_unpublished")
    op.execute(
        "ALTER TABLE outbox DROP COLUMN position, DROP COLUMN partition, DROP COLUMN subscriber, DROP COLUMN message_id"
    )
    op.execute("CREATE INDEX ix_outbox_unpublished ON outbox (id) WHERE published_at IS NULL")
