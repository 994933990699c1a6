"""``/v1/card-batches``: what operators say of prepaid cards, and what batches came to.

Invariant: cards are made by ``ncash cards make`` alone, whose PINs leave it encrypted; no answer
here holds one. An order is done in each shard once per Idempotency-Key.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from api.batches import order_cards, unknown_batch
from api.deps import SOUND, IdempotencyKey, Operator, Parts
from api.documents import problems
from api.models.card_batches import BatchList, BatchView, OrderedView, SerialsBody, batch_view
from api.segments import SegmentRoute
from api.services import Services
from runtime.keys import ApiKey
from schemas.card_orders import ActivateCards, BlockCards, CardOrder

router = APIRouter(prefix="/v1/card-batches", tags=["cards"], route_class=SegmentRoute)
BatchPath = Annotated[str, Path(description="Name of the batch."), SOUND]
_ASKED = problems(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
)


@router.get("", summary="Batches of prepaid cards", responses=problems())
async def batches(key: Operator, services: Parts) -> BatchList:
    """Name all batches of the tenant."""
    return BatchList(batches=await services.batches.names(key.tenant))


@router.get("/{batch}", summary="One batch", responses=problems(HTTPStatus.NOT_FOUND))
async def batch_of(batch: BatchPath, key: Operator, services: Parts) -> BatchView:
    """Tell how many cards were made, sold, redeemed and blocked, and what is owed for them."""
    figures = await services.batches.figures(key.tenant, batch)
    if figures is None:
        raise unknown_batch(batch)
    return batch_view(batch, figures, now_ms=services.clock.wall_ms())


@router.post("/{batch}/activations", summary="Put cards on sale", responses=_ASKED)
async def activate(
    batch: BatchPath, body: SerialsBody, key: Operator, name: IdempotencyKey, services: Parts
) -> OrderedView:
    """From now on these cards can be redeemed, and are owed for."""
    order = ActivateCards(batch, body.first, body.last)
    return await _ordered(services, key, name, order)


@router.post("/{batch}/blocks", summary="Block cards", responses=_ASKED)
async def block(
    batch: BatchPath, body: SerialsBody, key: Operator, name: IdempotencyKey, services: Parts
) -> OrderedView:
    """Stop these cards from being redeemed; what was redeemed stays with its member."""
    order = BlockCards(batch, body.first, body.last, is_blocked=True)
    return await _ordered(services, key, name, order)


@router.post("/{batch}/unblocks", summary="Let blocked cards go", responses=_ASKED)
async def unblock(
    batch: BatchPath, body: SerialsBody, key: Operator, name: IdempotencyKey, services: Parts
) -> OrderedView:
    """These cards can be redeemed again, if they are on sale and in time."""
    order = BlockCards(batch, body.first, body.last, is_blocked=False)
    return await _ordered(services, key, name, order)


async def _ordered(services: Services, key: ApiKey, name: str, order: CardOrder) -> OrderedView:
    cards = await order_cards(
        services, services.shards, order, tenant=key.tenant, key=name, actor=key.id
    )
    return OrderedView(batch=order.batch, cards=cards)
