"""The bindings of files: which handler answers which message, with what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from app.application.files.commands.remove_image import RemoveImage, RemoveImageHandler
from app.application.files.commands.set_image import SetImage, SetImageHandler
from app.application.files.policies import ForgetFilesOfErased
from app.application.files.ports import FileLinks, Showcase, Storage
from app.application.files.queries.find_image import FindImage
from app.application.files.queries.get_file import GetFile
from app.application.files.workflows.prepare_image import PrepareImage, PrepareImageHandler
from app.application.files.workflows.read_file import ReadFile, ReadFileHandler
from app.application.files.workflows.sign_image_link import SignImageLink, SignImageLinkHandler
from app.application.ports import Clock, IdSource
from app.domain.files.file import OwnerKind
from app.infrastructure.database.dispatch import Routes
from app.infrastructure.database.scope import Scope
from app.infrastructure.files.queries import FindImageHandler, GetFileHandler
from app.infrastructure.files.repository import SqlFileRepository

ShowcaseOf = Callable[[Scope], Showcase]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesParts:
    """What files are wired with. A kind of owner without a showcase has no routes yet."""

    storage: Storage
    links: FileLinks
    showcases: Mapping[OwnerKind, ShowcaseOf]
    clock: Clock
    ids: IdSource
    link_lifetime: timedelta


def bind_files(routes: Routes, parts: FilesParts) -> None:
    clock, storage = parts.clock, parts.storage

    def showcases(scope: Scope) -> Mapping[OwnerKind, Showcase]:
        return {kind: make(scope) for kind, make in parts.showcases.items()}

    routes.command(SetImage, lambda s: SetImageHandler(SqlFileRepository(s), showcases(s), clock))
    routes.command(RemoveImage, lambda s: RemoveImageHandler(SqlFileRepository(s), showcases(s), clock))
    routes.query(FindImage, FindImageHandler)
    routes.query(GetFile, GetFileHandler)
    routes.workflow(PrepareImage, lambda sender: PrepareImageHandler(storage, clock, parts.ids, sender))
    routes.workflow(SignImageLink, lambda sender: SignImageLinkHandler(storage, parts.link_lifetime, sender))
    routes.workflow(ReadFile, lambda sender: ReadFileHandler(parts.links, storage, sender))
    routes.policy(
        "files-of-erased-products",
        {"product.erased"},
        lambda s: ForgetFilesOfErased(SqlFileRepository(s), clock, OwnerKind.PRODUCT),
    )


def product_images(images_of: Callable[[Scope, Clock], Showcase], clock: Clock) -> dict[OwnerKind, ShowcaseOf]:
    """Catalog's contract fits the port as it is."""
    return {OwnerKind.PRODUCT: lambda scope: images_of(scope, clock)}
