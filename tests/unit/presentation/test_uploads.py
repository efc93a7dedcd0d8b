from __future__ import annotations

import pytest
from fastapi import APIRouter, Request, Response
from starlette.types import Scope

from app.presentation.refusals import UnsupportedMediaType
from app.presentation.uploads import FileLimits, declared_type, file_body, takes_file

TYPES = ("image/png", "image/gif")
router = APIRouter(prefix="/things")


@router.put("/{thing_id}/image")
@takes_file
async def put_image(thing_id: str) -> Response:
    return Response()


@router.put("/{thing_id}")
async def put_thing(thing_id: str) -> Response:
    return Response()


LIMITS = FileLimits(router.routes, files=5_000, others=100)


def scope(method: str, path: str) -> Scope:
    return {"type": "http", "method": method, "path": path, "headers": []}


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("PUT", "/things/7/image", 5_000),
        ("PUT", "/things/7", 100),
        ("PUT", "/things/7/image/", 100),
        ("PUT", "/things/7/8/image", 100),
        ("PUT", "/other/things/7/image", 100),
        ("PUT", "/things/7/image/more", 100),
        ("POST", "/things/7/image", 100),
        ("GET", "/things/7/image", 100),
        ("put", "/things/7/image", 100),
    ],
)
def test_only_a_route_that_takes_a_file_gets_the_larger_limit(method: str, path: str, limit: int) -> None:
    assert LIMITS.of(scope(method, path)) == limit


def declared(*types: str) -> str:
    headers = [(b"content-type", one.encode("latin-1")) for one in types]
    return declared_type(Request({**scope("PUT", "/"), "headers": headers}), TYPES)


@pytest.mark.parametrize("given", ["image/png", "IMAGE/PNG", "image/png; q=1", " image/png ;x"])
def test_the_declared_type_is_read_without_its_parameters(given: str) -> None:
    assert declared(given) == "image/png"


@pytest.mark.parametrize(
    "given", [(), ("image/jpeg",), ("image/png", "image/gif"), ("image/png, image/gif",), ("ï/png",)]
)
def test_no_type_a_foreign_one_or_two_are_refused_by_name(given: tuple[str, ...]) -> None:
    with pytest.raises(UnsupportedMediaType, match="image/png, image/gif"):
        declared(*given)


def test_each_type_is_described_as_bytes() -> None:
    body = file_body(TYPES)
    assert body["required"]
    assert list(body["content"]) == list(TYPES)
    assert {content["schema"]["format"] for content in body["content"].values()} == {"binary"}
