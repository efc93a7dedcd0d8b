"""The rules every table must keep, asked of PostgreSQL's own catalogue. Each answers with the names at fault."""

from __future__ import annotations

from typing import Any

from app.infrastructure.database.connection import Connection

GLOBAL_TABLES = {"tenants", "users", "credentials", "leases", "workers", "schedules"}
"""What belongs to no tenant. A table is added here by a decision, never by forgetting its tenant."""

_TABLES = """
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    AND c.relname <> 'alembic_version'
"""
_HAS_TENANT = """
    EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = {} AND a.attname = 'tenant_id' AND NOT a.attisdropped)
"""
RULES = {
    "row-level security is enabled and forced": f"""
        SELECT c.relname AS name {_TABLES} AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
    """,
    "there is a policy": f"""
        SELECT c.relname AS name {_TABLES} AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
    """,
    "a policy names the role it is for": """
        SELECT polrelid::regclass || '.' || polname AS name FROM pg_policy WHERE 0 = ANY(polroles)
    """,
    "what the application sees is the current tenant's": f"""
        SELECT c.relname AS name {_TABLES} AND {_HAS_TENANT.format("c.oid")} AND (
            SELECT array_agg(pg_get_expr(p.polqual, c.oid) || pg_get_expr(p.polwithcheck, c.oid) || p.polcmd::text)
            FROM pg_policy p WHERE p.polrelid = c.oid AND 'hello_app'::regrole = ANY(p.polroles)
        ) IS DISTINCT FROM ARRAY[concat(
            '(tenant_id = (NULLIF(current_setting(''app.tenant_id''::text, true), ''''::text))::uuid)',
            '(tenant_id = (NULLIF(current_setting(''app.tenant_id''::text, true), ''''::text))::uuid)', '*')]
    """,
    "keys and unique indexes begin with the tenant": f"""
        SELECT i.indexrelid::regclass::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        WHERE c.relnamespace = 'public'::regnamespace AND i.indisunique AND {_HAS_TENANT.format("c.oid")}
        AND NOT EXISTS (SELECT FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum = i.indkey[0] AND a.attname = 'tenant_id')
    """,
    "there is a primary key": f"""
        SELECT c.relname AS name {_TABLES}
        AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p')
    """,
    "keys between tenants' tables carry the tenant": f"""
        SELECT k.conname AS name FROM pg_constraint k WHERE k.contype = 'f'
        AND {_HAS_TENANT.format("k.conrelid")} AND {_HAS_TENANT.format("k.confrelid")} AND NOT EXISTS (
            SELECT FROM unnest(k.conkey, k.confkey) AS v(mine, theirs)
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = v.mine AND a.attname = 'tenant_id'
            JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = v.theirs AND b.attname = 'tenant_id')
    """,
    "the tenant is never null": """
        SELECT a.attrelid::regclass::text AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE a.attname = 'tenant_id' AND NOT a.attnotnull AND c.relkind IN ('r', 'p')
        AND c.relnamespace = 'public'::regnamespace
    """,
    "no view or function steps over the policies": """
        SELECT relname::text AS name FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')
        UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef
    """,
    "nobody but the owner owns anything": """
        SELECT relname::text AS name FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relowner <> 'hello_owner'::regrole
    """,
    "everybody's rights are nobody's": """
        SELECT c.relname AS name FROM pg_class c, aclexplode(c.relacl) AS a
        WHERE c.relnamespace = 'public'::regnamespace AND a.grantee = 0
    """,
}


async def faults(connection: Connection) -> dict[str, list[Any]]:
    """By rule; empty when all is well."""
    found = {rule: [row["name"] for row in await connection.fetch(sql)] for rule, sql in RULES.items()}
    untenanted = await connection.fetch(
        f"SELECT c.relname AS name {_TABLES} AND NOT {_HAS_TENANT.format('c.oid')} ORDER BY 1"
    )
    found["only the named tables belong to no tenant"] = sorted({row["name"] for row in untenanted} ^ GLOBAL_TABLES)
    return {rule: names for rule, names in found.items() if names}


async def tenant_tables(connection: Connection) -> list[str]:
    rows = await connection.fetch(f"SELECT c.relname AS name {_TABLES} AND {_HAS_TENANT.format('c.oid')} ORDER BY 1")
    return [row["name"] for row in rows]
