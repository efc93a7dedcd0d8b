"""The application: routers, edge, documents. `uvicorn app.main:app` serves it."""

from __future__ import annotations

import sys

from fastapi import FastAPI

from app.infrastructure.observability.logs import configure_logs
from app.infrastructure.observability.meters import UNKNOWN, HttpMeter
from app.infrastructure.observability.tally import tally_of
from app.infrastructure.observability.traces import trace_requests
from app.presentation import service
from app.presentation.catalog import router as catalog
from app.presentation.catalog import stock_router
from app.presentation.docs import add_docs
from app.presentation.files import router as files
from app.presentation.identity import auth_router, users_router
from app.presentation.jobs import router as jobs
from app.presentation.messaging import router as messaging
from app.presentation.middleware.edge import add_edge, route_of, templates
from app.presentation.notifications import branding_router, messages_router, suppressions_router
from app.presentation.openapi import finish_openapi
from app.presentation.ordering import router as ordering
from app.presentation.problems import add_error_handlers
from app.presentation.quick_routes import add_routers
from app.presentation.tenancy import members_router, tenants_router
from app.presentation.webhooks import deliveries_router
from app.presentation.webhooks import router as webhooks
from app.shared.settings import Settings, SettingsFault, load_settings
from app.startup import judge, lifespan

VERSION = "0.1.0"
ROUTERS = (
    auth_router,
    users_router,
    members_router,
    tenants_router,
    catalog,
    stock_router,
    files,
    ordering,
    jobs,
    messaging,
    messages_router,
    suppressions_router,
    branding_router,
    webhooks,
    deliveries_router,
    service,
)


def create_app(settings: Settings) -> FastAPI:
    """Raises SettingsFault in production when a setting must not serve the public."""
    log = configure_logs(settings)
    judge(settings)
    app = FastAPI(
        title="Hello Ticket",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings
    app.state.environment = settings.environment.value
    add_routers(app, [module.router for module in ROUTERS])
    add_error_handlers(app)
    finish_openapi(app)
    add_docs(app, settings)
    known = templates(app)
    add_edge(app, settings, log, HttpMeter(tally_of(settings.data_dir), known))
    trace_requests(app, settings, lambda scope: route if (route := route_of(scope)) in known else UNKNOWN)
    return app


def _app() -> FastAPI:
    try:
        return create_app(load_settings())
    except SettingsFault as fault:
        sys.exit(f"Hello Ticket can't start: {fault}")


app = _app()
