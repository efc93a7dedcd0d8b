"""From what a buyer asks for to priced lines, or a clear refusal. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.application.catalog.contracts import Demand, Offer
from app.domain.kernel import RuleBroken
from app.domain.ordering.order import OrderLine
from app.shared.errors import AppError, FieldFault, Kind
from app.shared.ids import ProductId


class UnknownProduct(AppError):
    """An item names a product that the tenant does not have."""

    code = "unknown_product"
    kind = Kind.INVALID


class OverLimit(AppError):
    """More of one product than one order may hold."""

    code = "over_limit"
    kind = Kind.INVALID


class NotOnSale(RuleBroken):
    """The product is not active, or its sale has not begun or is over."""

    code = "not_on_sale"


@dataclass(frozen=True, slots=True)
class Wanted:
    product_id: ProductId
    quantity: int


def quote(wanted: Sequence[Wanted], offers: Mapping[ProductId, Offer], now: datetime) -> tuple[OrderLine, ...]:
    """Raises UnknownProduct, NotOnSale, OverLimit; each names the item at fault."""
    per_product: dict[ProductId, int] = {}
    lines: list[OrderLine] = []
    for position, item in enumerate(wanted):
        offer = offers.get(item.product_id)
        if offer is None:
            raise UnknownProduct(
                "There is no such product here; list the products to see what there is.",
                errors=(FieldFault(f"/items/{position}/product_id", "unknown_product", "no such product"),),
            )
        if not offer.on_sale(now):
            raise NotOnSale("This product is not on sale now.", product_id=str(item.product_id))
        sum_so_far = per_product[item.product_id] = per_product.get(item.product_id, 0) + item.quantity
        if offer.max_per_order is not None and sum_so_far > offer.max_per_order:
            raise OverLimit(
                "That is more of one product than an order may hold.",
                errors=(FieldFault(f"/items/{position}/quantity", "over_limit", f"at most {offer.max_per_order}"),),
                product_id=str(item.product_id),
                max_per_order=offer.max_per_order,
            )
        lines.append(OrderLine(offer.product_id, offer.pool_id, offer.name, item.quantity, offer.price))
    return tuple(lines)


def demands_of(lines: Sequence[OrderLine]) -> tuple[Demand, ...]:
    return tuple(Demand(line.product_id, line.pool_id, line.quantity) for line in lines)
