"""The schema as sentences: tables, policies, grants, roles. Two databases whose sentences agree guard rows alike.

Nothing here depends on PostgreSQL's version: not-null constraints and the privilege MAINTAIN, which newer ones name,
are left out, and so is what a table's owner may do.
"""

from __future__ import annotations

from app.infrastructure.database.addresses import APP, OWNER, WORKER

_OURS = "n.nspname = 'public'"
_WHO = "CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END"
_NOT_AN_EXTENSIONS = "NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = f.oid AND e.deptype = 'e')"
_MAY = f"""{_WHO} || ' may ' || a.privilege_type || CASE WHEN a.is_grantable THEN ' and grant it' ELSE '' END"""

CATALOGUE = f"""
WITH tables AS (
    SELECT c.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {_OURS} AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
), said AS (
    SELECT 'table ' || relname || ' (' || relkind::text || ') of ' || pg_get_userbyid(relowner)
        || CASE WHEN relrowsecurity THEN ', row-level security' ELSE '' END
        || CASE WHEN relforcerowsecurity THEN ', forced' ELSE '' END AS line
    FROM tables
    UNION ALL
    SELECT 'column ' || t.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
        || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
        || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') || a.attidentity::text || a.attgenerated::text
    FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
    UNION ALL
    SELECT 'constraint ' || t.relname || '.' || k.conname || ' ' || pg_get_constraintdef(k.oid)
    FROM tables t JOIN pg_constraint k ON k.conrelid = t.oid WHERE k.contype <> 'n'
    UNION ALL
    SELECT 'index ' || pg_get_indexdef(i.indexrelid) FROM tables t JOIN pg_index i ON i.indrelid = t.oid
    UNION ALL
    SELECT 'view ' || relname || ' ' || pg_get_viewdef(oid) FROM tables WHERE relkind IN ('v', 'm')
    UNION ALL
    SELECT 'trigger ' || pg_get_triggerdef(g.oid) FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid
    WHERE NOT g.tgisinternal
    UNION ALL
    SELECT 'policy ' || t.relname || '.' || p.polname || ' ' || p.polcmd::text
        || CASE WHEN p.polpermissive THEN '' ELSE ' restrictive' END || ' to '
        || (SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r) END, ',' ORDER BY r)
            FROM unnest(p.polroles) r)
        || coalesce(' using ' || pg_get_expr(p.polqual, p.polrelid), '')
        || coalesce(' check ' || pg_get_expr(p.polwithcheck, p.polrelid), '')
    FROM tables t JOIN pg_policy p ON p.polrelid = t.oid
    UNION ALL
    SELECT 'grant on table ' || t.relname || ': ' || {_MAY}
    FROM tables t, aclexplode(t.relacl) a WHERE a.grantee <> t.relowner AND a.privilege_type <> 'MAINTAIN'
    UNION ALL
    SELECT 'grant on column ' || t.relname || '.' || c.attname || ': ' || {_MAY}
    FROM tables t JOIN pg_attribute c ON c.attrelid = t.oid, aclexplode(c.attacl) a
    UNION ALL
    SELECT 'routine of ' || pg_get_userbyid(f.proowner) || ' ' || pg_get_functiondef(f.oid)
    FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
    WHERE {_OURS} AND f.prokind IN ('f', 'p') AND {_NOT_AN_EXTENSIONS}
    UNION ALL
    SELECT 'grant on routine ' || f.proname || ': ' || {_MAY}
    FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace,
        aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
    WHERE {_OURS} AND a.grantee <> f.proowner AND {_NOT_AN_EXTENSIONS}
    UNION ALL
    SELECT 'grant on schema public: ' || {_MAY} FROM pg_namespace n,
        aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a WHERE {_OURS} AND a.grantee <> n.nspowner
    UNION ALL
    SELECT 'grant on the database: ' || {_MAY} FROM pg_database d,
        aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
    WHERE d.datname = current_database() AND a.grantee <> d.datdba
    UNION ALL
    SELECT 'default for ' || pg_get_userbyid(d.defaclrole) || '''s ' || d.defaclobjtype::text || ': ' || {_MAY}
    FROM pg_default_acl d, aclexplode(d.defaclacl) a WHERE a.grantee <> d.defaclrole
    UNION ALL
    SELECT 'role ' || rolname || CASE WHEN rolsuper THEN ' superuser' ELSE '' END
        || CASE WHEN rolbypassrls THEN ' bypasses row-level security' ELSE '' END
    FROM pg_roles WHERE rolname IN ('{OWNER}', '{APP}', '{WORKER}')
    UNION ALL
    SELECT 'role ' || pg_get_userbyid(m.member) || ' is a member of ' || pg_get_userbyid(m.roleid)
    FROM pg_auth_members m WHERE pg_get_userbyid(m.member) IN ('{OWNER}', '{APP}', '{WORKER}')
)
SELECT to_json(line)::text FROM said ORDER BY line COLLATE "C"
"""  # noqa: S608  # the names are this project's constants
"""Needs an empty search_path, so that both sides write every name in full."""

HIDING = """
SELECT c.relname FROM pg_catalog.pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relrowsecurity AND (
    NOT EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive
        AND p.polcmd IN ('*', 'r') AND pg_catalog.pg_get_expr(p.polqual, p.polrelid) = 'true'
        AND (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user) = ANY (p.polroles))
    OR EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive))
ORDER BY 1
"""
"""Tables of which the owner may not see every row: their dump would be incomplete, and nothing would tell."""

IN_USE = """
SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e')
"""
"""Zero in a database that `bootstrap` has just made."""

EMPTY_OUT = """
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT nspname FROM pg_namespace n WHERE nspname NOT LIKE 'pg\\_%'
        AND nspname NOT IN ('information_schema', 'public')
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = n.oid AND e.deptype = 'e')
    LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', found.nspname);
    END LOOP;
    FOR found IN SELECT relname, CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
            WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END AS kind
        FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = c.oid AND e.deptype IN ('e', 'a', 'i'))
    LOOP
        EXECUTE format('DROP %s IF EXISTS public.%I CASCADE', found.kind, found.relname);
    END LOOP;
    FOR found IN SELECT oid::regprocedure AS name FROM pg_proc f WHERE pronamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = f.oid AND e.deptype = 'e')
    LOOP
        EXECUTE format('DROP ROUTINE IF EXISTS %s CASCADE', found.name);
    END LOOP;
    FOR found IN SELECT oid::regtype AS name FROM pg_type t WHERE typnamespace = 'public'::regnamespace
        AND typtype IN ('d', 'e', 'r')
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = t.oid AND e.deptype = 'e')
    LOOP
        EXECUTE format('DROP TYPE IF EXISTS %s CASCADE', found.name);
    END LOOP;
END
$$;
"""
"""Everything the application may have made; what an extension or a column owns goes with that or stays."""


def differences(expected: list[str], found: list[str]) -> list[str]:
    """Sentences only one side says, what is missing first."""
    missing = [f"missing: {line}" for line in sorted(set(expected) - set(found))]
    return missing + [f"added: {line}" for line in sorted(set(found) - set(expected))]
