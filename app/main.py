"""The application: routers, edge, documents. `uvicorn app.main:app` serves it."""

from __future__ import annotations

import sys

from fastapi import FastAPI

from app.infrastructure.observability.logs import configure_logs
from app.presentation import service
from app.presentation.catalog import router as catalog
from app.presentation.docs import add_docs
from app.presentation.identity import auth_router, users_router
from app.presentation.middleware.edge import add_edge
from app.presentation.openapi import finish_openapi
from app.presentation.ordering import router as ordering
from app.presentation.problems import add_error_handlers
from app.presentation.quick_routes import add_routers
from app.presentation.tenancy import members_router, tenants_router
from app.shared.settings import Settings, SettingsFault, load_settings
from app.startup import judge, lifespan

VERSION = "0.1.0"
ROUTERS = (auth_router, users_router, members_router, tenants_router, catalog, ordering, service)


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
    add_edge(app, settings, log)
    return app


def _app() -> FastAPI:
    try:
        return create_app(load_settings())
    except SettingsFault as fault:
        sys.exit(f"Hello Ticket can't start: {fault}")


app = _app()
