"""Catalog's bindings: which handler answers which message, with what."""

from __future__ import annotations

from app.application.catalog.commands.change_product import ChangeProduct, ChangeProductHandler
from app.application.catalog.commands.create_product import CreateProduct, CreateProductHandler
from app.application.catalog.commands.delete_product import DeleteProduct, DeleteProductHandler
from app.application.catalog.contracts import ProductImages, Shelf
from app.application.catalog.queries.get_product import GetProduct
from app.application.catalog.queries.list_products import ListProducts
from app.application.catalog.queries.list_stock_drift import ListStockDrift
from app.application.ports import Clock, IdSource
from app.domain.catalog.product import CapacityBelowTaken, SkuTaken
from app.infrastructure.catalog.images import SqlProductImages
from app.infrastructure.catalog.queries import GetProductHandler, ListProductsHandler
from app.infrastructure.catalog.reconciler import ListStockDriftHandler
from app.infrastructure.catalog.repository import SqlProductRepository
from app.infrastructure.catalog.shelf import SqlShelf
from app.infrastructure.database.dispatch import Routes
from app.infrastructure.database.scope import Scope, UnitOfWork


def bind_catalog(routes: Routes, *, clock: Clock, ids: IdSource) -> None:
    routes.command(CreateProduct, lambda s: CreateProductHandler(SqlProductRepository(s), clock, ids))
    routes.command(ChangeProduct, lambda s: ChangeProductHandler(SqlProductRepository(s), clock))
    routes.command(DeleteProduct, lambda s: DeleteProductHandler(SqlProductRepository(s), clock))
    routes.query(GetProduct, GetProductHandler)
    routes.query(ListProducts, ListProductsHandler)
    routes.query(ListStockDrift, ListStockDriftHandler)
    routes.constraint("uq_products_tenant_id_sku", SkuTaken("Another product has this sku; choose another one."))
    routes.constraint(
        "ck_stock_pools_never_oversold",
        CapacityBelowTaken("More pieces are held or sold than that; choose a capacity of at least their sum."),
    )


def shelf_of(work: UnitOfWork) -> Shelf:
    """The one shelf of a transaction: catalog's contract, handed to other contexts by the composition root."""
    return work.part(SqlShelf, SqlShelf)


def images_of(scope: Scope, clock: Clock) -> ProductImages:
    """Catalog's contract for what products show, handed to other contexts by the composition root."""
    return SqlProductImages(SqlProductRepository(scope), clock)
