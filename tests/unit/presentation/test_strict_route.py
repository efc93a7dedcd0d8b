from __future__ import annotations

from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from pydantic import BaseModel, Field

from app.presentation.problems import add_error_handlers
from app.presentation.quick_routes import add_routers
from app.presentation.strict_route import StrictRoute, early
from tests.unit.presentation.tiny import ask


class Filter(BaseModel):
    status: str | None = None
    named: Annotated[str | None, Field(alias="called")] = None
    kinds: list[str] = []


async def needs_page(page: int = 1) -> int:
    return page


async def needs_language(language: str = "en") -> str:
    return language


router = APIRouter(prefix="/shop", route_class=StrictRoute, dependencies=[Depends(needs_language)])


@router.get("/filtered")
async def filtered(wanted: Annotated[Filter, Query()]) -> Response:
    return Response(wanted.model_dump_json())


@router.get("/paged")
async def paged(
    page: Annotated[int, Depends(needs_page)],
    q: Annotated[str | None, Query(alias="search")] = None,
    sizes: Annotated[set[int] | None, Query()] = None,
) -> Response:
    return Response(f"{page} {q} {sizes}")


def from_memory(request: Request) -> Response | None:
    return Response("early") if request.path_params["item"] == "hot" else None


@router.get("/items/{item}")
@early(from_memory)
async def read_item(item: str) -> Response:
    return Response("late")


def shop() -> FastAPI:
    app = FastAPI(openapi_url=None)
    add_routers(app, [router])
    add_error_handlers(app)
    return app


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("filtered?status=a&called=b&kinds=1&kinds=2", 200),
        ("filtered?named=b", 422),
        ("filtered?status=a&status=b", 422),
        ("filtered?page=1", 422),
        ("filtered?language=de", 200),
        ("paged?page=2&search=x&sizes=1&sizes=2", 200),
        ("paged?q=x", 422),
        ("paged?page=1&page=2", 422),
        ("paged?language=de&language=en", 422),
    ],
)
async def test_parameters_of_models_and_dependencies_are_known_and_nothing_else(query: str, status: int) -> None:
    assert (await ask(shop(), "GET", f"/shop/{query}")).status_code == status


async def test_a_page_in_memory_is_answered_before_anything_else_happens() -> None:
    assert (await ask(shop(), "GET", "/shop/items/hot")).text == "early"
    assert (await ask(shop(), "GET", "/shop/items/cold")).text == "late"


async def test_an_early_answer_is_as_strict_as_a_late_one() -> None:
    assert (await ask(shop(), "GET", "/shop/items/hot?x=1")).status_code == 422
