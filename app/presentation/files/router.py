from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.application.catalog.contracts import ProductNotFound
from app.application.files.commands.remove_image import RemoveImage
from app.application.files.ports import InvalidLink
from app.application.files.views import Download, ImageSet, ImageView
from app.application.files.workflows.prepare_image import PrepareImage
from app.application.files.workflows.read_file import ReadFile
from app.application.files.workflows.sign_image_link import SignImageLink
from app.domain.files.file import FileNotFound, Owner, OwnerKind, UploadExpired
from app.domain.files.image import IMAGE_TYPES, EmptyFile, ImageOutOfBounds, WrongContent
from app.presentation.dependencies import Allow, Caller
from app.presentation.files.schemas import IMAGE, image_operation, served
from app.presentation.operations import describe
from app.presentation.page_keys import product_page_key
from app.presentation.parts import parts_of
from app.presentation.replies import empty_answer, expected_version, json_bytes, run
from app.presentation.strict_route import StrictRoute
from app.presentation.uploads import declared_type, takes_file
from app.shared.errors import StaleVersion
from app.shared.ids import FileId
from app.shared.mediator import Answer

router = APIRouter(prefix="/api/v1", tags=["files"], route_class=StrictRoute)

Shopper = Annotated[Caller, Depends(Allow("products:read", anonymous=True))]
Writer = Annotated[Caller, Depends(Allow("products:write"))]
OPEN_TO_EMBED = {"cross-origin-resource-policy": "cross-origin"}
"""Shops on other sites show these images; who may see them is settled by the link or the product."""


@router.put(
    "/products/{product_id}/image",
    **image_operation(
        operation_id="set_product_image",
        summary="Show these bytes as the product's image",
        permission="products:write",
        view=ImageView,
        not_found=ProductNotFound,
        errors=(WrongContent, EmptyFile, ImageOutOfBounds, UploadExpired, StaleVersion),
        response_example=IMAGE,
    ),
)
@takes_file
async def set_product_image(request: Request, product_id: UUID, caller: Writer) -> Response:
    content_type = declared_type(request, IMAGE_TYPES)
    prepare = PrepareImage(
        tenant_id=caller.tenant_id,
        owner=_product(product_id),
        by=caller.user_id,
        content_type=content_type,
        body=await request.body(),
        expected_version=expected_version(request),
    )
    parts = parts_of(request)
    command = await parts.mediator.send(prepare)
    response = await run(request, command, lambda result: _image_answer(result, product_id))
    await parts.pages.invalidate(product_page_key(caller.tenant_id, product_id))
    return response


@router.get(
    "/products/{product_id}/image",
    **describe(
        operation_id="get_product_image",
        summary="Be led to the product's image",
        permission="products:read",
        public=True,
        status=307,
        not_found=ProductNotFound,
        errors=(FileNotFound,),
    ),
)
async def get_product_image(request: Request, product_id: UUID, caller: Shopper) -> Response:
    wanted = SignImageLink(tenant_id=caller.tenant_id, owner=_product(product_id), active_only=not caller.is_staff)
    link = await parts_of(request).mediator.send(wanted)
    return Response(None, 307, {"location": link, **OPEN_TO_EMBED})


@router.delete(
    "/products/{product_id}/image",
    **describe(
        operation_id="remove_product_image",
        summary="Show no image of the product any more",
        permission="products:write",
        status=204,
        not_found=ProductNotFound,
        errors=(FileNotFound, StaleVersion),
    ),
)
async def remove_product_image(request: Request, product_id: UUID, caller: Writer) -> Response:
    command = RemoveImage(owner=_product(product_id), expected_version=expected_version(request))
    response = await run(request, command, empty_answer)
    await parts_of(request).pages.invalidate(product_page_key(caller.tenant_id, product_id))
    return response


@router.get(
    "/files/{file_id}",
    **served(
        operation_id="get_file",
        summary="Read a file by a signed link",
        permission=None,
        public=True,
        not_found=FileNotFound,
        errors=(InvalidLink,),
    ),
)
async def get_file(
    request: Request,
    file_id: UUID,
    expires: Annotated[str, Query(max_length=20, description="Unix seconds, as the link has them.")],
    signature: Annotated[str, Query(max_length=100, description="As the link has it.")],
) -> Response:
    wanted = ReadFile(file_id=FileId(file_id), expires=expires, signature=signature)
    return _download(await parts_of(request).mediator.send(wanted))


def _product(product_id: UUID) -> Owner:
    return Owner(kind=OwnerKind.PRODUCT, id=product_id)


def _image_answer(result: ImageSet, product_id: UUID) -> Answer:
    body = json_bytes(result.image)
    if not result.created:
        return Answer(200, body)
    return Answer(201, body, (("location", f"/api/v1/products/{product_id}/image"),))


def _download(file: Download) -> Response:
    """Whatever the bytes are, a browser shows them as the type that was checked, and runs nothing in them."""
    extension = file.content.content_type.rpartition("/")[2]
    headers: dict[str, Any] = {
        "content-length": str(file.content.size_bytes),
        "content-disposition": f'inline; filename="{file.id}.{extension}"',
        "content-security-policy": "sandbox; default-src 'none'",
        "x-content-type-options": "nosniff",
        "cache-control": "private, max-age=3600, immutable",
        "etag": f'"{file.content.sha256}"',
        **OPEN_TO_EMBED,
    }
    return StreamingResponse(file.pieces, 200, headers, media_type=file.content.content_type)
