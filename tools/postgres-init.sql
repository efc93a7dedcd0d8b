-- Run once by the postgres image, on an empty volume. The middle is what `python tools/migrate-db.py bootstrap --show-sql`
-- prints (a test holds it equal); the end gives the roles the passwords that docker-compose.yml passes in.
DO $$
DECLARE
    wanted text;
    granted record;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['hello_owner', 'hello_app', 'hello_worker'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I', wanted);
        END IF;
        EXECUTE format(
            'ALTER ROLE %I LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION', wanted);
    END LOOP;
    FOR granted IN
        SELECT of.rolname AS role, who.rolname AS member, by.rolname AS grantor
        FROM pg_auth_members m
        JOIN pg_roles of ON of.oid = m.roleid
        JOIN pg_roles who ON who.oid = m.member
        JOIN pg_roles by ON by.oid = m.grantor
        WHERE who.rolname IN ('hello_owner', 'hello_app', 'hello_worker') AND of.rolname IN ('hello_owner', 'hello_app', 'hello_worker')
    LOOP
        EXECUTE format('REVOKE %I FROM %I GRANTED BY %I CASCADE', granted.role, granted.member, granted.grantor);
    END LOOP;
    IF pg_has_role('hello_app', 'hello_owner', 'MEMBER') OR pg_has_role('hello_app', 'hello_worker', 'MEMBER') THEN
        RAISE EXCEPTION 'hello_app reaches hello_owner or hello_worker through another role'
            USING HINT = 'Revoke that membership: it would open every tenant to the application.';
    END IF;
END
$$;
SELECT 'CREATE DATABASE "hello_ticket" OWNER hello_owner ENCODING ''UTF8'' TEMPLATE template0' WHERE NOT EXISTS (
    SELECT FROM pg_database WHERE datname = 'hello_ticket') \gexec
\connect "hello_ticket"
ALTER DATABASE "hello_ticket" OWNER TO hello_owner;
REVOKE ALL ON DATABASE "hello_ticket" FROM PUBLIC;
GRANT CONNECT ON DATABASE "hello_ticket" TO hello_owner, hello_app, hello_worker;
ALTER SCHEMA public OWNER TO hello_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC, hello_app, hello_worker;
GRANT USAGE ON SCHEMA public TO hello_owner, hello_app, hello_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE hello_owner REVOKE ALL ON TABLES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE hello_owner REVOKE ALL ON SEQUENCES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE hello_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE hello_owner REVOKE USAGE ON TYPES FROM PUBLIC;
\getenv owner_password OWNER_DATABASE_PASSWORD
\getenv app_password APP_DATABASE_PASSWORD
\getenv worker_password WORKER_DATABASE_PASSWORD
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
ALTER ROLE hello_owner PASSWORD :'owner_password';
ALTER ROLE hello_app PASSWORD :'app_password';
ALTER ROLE hello_worker PASSWORD :'worker_password';
