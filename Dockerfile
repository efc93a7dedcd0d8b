# Everything in requirements.txt comes as a wheel: one stage installs it, the other takes the result and no pip cache.

FROM python:3.13-slim AS build
COPY requirements.txt ./
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary=:all: --requirement requirements.txt

FROM python:3.13-slim
# The group and the user have fixed numbers, so that a volume's rights mean the same on every host.
RUN groupadd --system --gid 10001 hello \
    && useradd --system --uid 10001 --gid hello --home-dir /data --no-create-home --shell /usr/sbin/nologin hello \
    && install --directory --owner=hello --group=hello --mode=0700 /data
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv/hello-ticket
COPY LICENSE alembic.ini ./
COPY app ./app
COPY migrations ./migrations
COPY tools/__init__.py tools/migrate-db.py tools/migrate_verbs.py tools/migrate_work.py ./tools/
COPY tools/worker.py tools/worker_verbs.py tools/worker_work.py tools/backup.py ./tools/
COPY tools/backups ./tools/backups
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 PORT=8000 WORKERS=1 DATA_DIR=/data
USER hello
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=3); c.request('GET', '/health/live'); sys.exit(c.getresponse().status != 200)"]
# `exec` so that SIGTERM reaches uvicorn. X-Forwarded-* is not believed: behind a proxy, start it with --proxy-headers and
# --forwarded-allow-ips=<the proxy's address>.
CMD ["sh", "-c", "exec uvicorn app.main:app --host \"$HOST\" --port \"$PORT\" --workers \"$WORKERS\" --lifespan on --no-proxy-headers --no-server-header --no-access-log --timeout-graceful-shutdown 30"]
