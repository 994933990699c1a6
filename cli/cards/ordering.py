"""Orders about a batch of cards from the command line, and what the batch came to.

Invariant: an order has a key of its own, so the same words again are another order; what shards
have done already they do not do twice, by what the order says.
"""

import asyncio

from ulid import ULID

from api.batches import BatchFigures, order_cards
from api.models.card_batches import BatchView, batch_view
from api.problems import Problem
from cli.cards.making import ACTOR
from cli.desk import open_desk
from cli.screen import screen
from runtime.clock import SystemClock
from runtime.settings import Settings
from schemas.card_orders import CardOrder
from schemas.errors import InvalidDocument
from schemas.money import text_from_amount


def order_batch(settings: Settings, tenant: str, order: CardOrder) -> int:
    """Has every shard do an order.

    Args:
        settings: Where everything is.
        tenant: Whose batch.
        order: What.

    Returns:
        How many cards it changed.

    Raises:
        InvalidDocument: It was refused.
        RecoverableError: A part could not be reached; the same order again goes on with it.
    """

    async def done() -> int:
        async with open_desk(settings) as desk:
            return await order_cards(
                desk, settings.shards, order, tenant=tenant, key=f"cards/{ULID()}", actor=ACTOR
            )

    try:
        return asyncio.run(done())
    except Problem as problem:
        raise InvalidDocument(f"{problem.word}: {problem.detail}") from problem


def report_of(settings: Settings, tenant: str, batch: str) -> list[BatchView]:
    """What batches came to.

    Args:
        settings: Where everything is.
        tenant: Whose.
        batch: Which; empty for all.

    Raises:
        InvalidDocument: There is no such batch.
        RecoverableError: Redis cannot be reached.
    """
    found = asyncio.run(_figures(settings, tenant, batch))
    if batch and batch not in found:
        raise InvalidDocument(f"there is no batch {batch!r} of tenant {tenant!r}")
    now_ms = SystemClock().wall_ms()
    return [batch_view(name, figures, now_ms=now_ms) for name, figures in found.items()]


async def _figures(settings: Settings, tenant: str, batch: str) -> dict[str, BatchFigures]:
    async with open_desk(settings) as desk:
        names = [batch] if batch else await desk.batches.names(tenant)
        found = {name: await desk.batches.figures(tenant, name) for name in names}
        return {name: figures for name, figures in found.items() if figures is not None}


def put_report(views: list[BatchView]) -> None:
    """Shows batches to a person."""
    console = screen()
    for each in views:
        ends = f", until {each.expires_at}" if each.expires_at else ""
        console.print(
            f"{each.batch}: {each.made} cards of {each.amount.amount} {each.amount.currency}{ends}",
            markup=False,
        )
        console.print(
            f"  activated {each.activated}, redeemed {each.redeemed}, blocked {each.blocked}, "
            f"expired {each.expired}, written off {each.written_off}; "
            f"owed {text_from_amount(each.owed_micros)} {each.owed.currency}",
            markup=False,
        )
    if not views:
        console.print("there are no batches")
