"""``GET /v1/wallets…``: what members have, and every entry that made it so.

Invariant: balances come from live state, entries from the ledger in the warehouse; both say whose.
"""

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from api.deps import MemberPath, Operator, Parts, Spoken, WalletReader
from api.documents import problems
from api.models.ledger import EntryPage, transfer_view
from api.models.lots import LotHistory, lot_history
from api.models.wallets import Totals, WalletPage, WalletTotals, WalletView, wallet_view
from api.paging import DEFAULT_LIMIT, Number, PageCursor, PageLimit, cursor_text, place_of
from api.ports import Place
from api.problems import Problem
from api.segments import SegmentRoute
from api.services import Services
from api.words.telling import Telling
from schemas.moment import text_from_ms
from schemas.money import AMOUNT_MAX
from wallet.wallet import Wallet

router = APIRouter(prefix="/v1/wallets", tags=["wallets"], route_class=SegmentRoute)
LotQuery = Annotated[
    int | None, Query(ge=1, le=AMOUNT_MAX, description="Only what moved this lot.")
]
LotPath = Annotated[int, Path(ge=1, le=AMOUNT_MAX, description="Number of the lot.")]
_BAD = problems(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)
_DEAR = problems(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS)


@router.get("", summary="All wallets, with totals", responses=problems(HTTPStatus.BAD_REQUEST))
async def list_wallets(
    key: Operator,
    services: Parts,
    limit: PageLimit = DEFAULT_LIMIT,
    cursor: PageCursor = None,
    totals: Annotated[
        Literal["true", "false"], Query(description="Whether the first page sums over all.")
    ] = "true",
) -> WalletPage:
    """The tenant's wallets in a stable order, for operators."""
    after = place_of("wallets", cursor, Place)
    found = await services.live.wallets(key.tenant, after=after, limit=limit + 1)
    terms = services.terms.tenant(key.tenant)
    page, now_ms = found[:limit], services.clock.wall_ms()
    return WalletPage(
        wallets=[wallet_view(wallet, terms, now_ms) for _, wallet in page],
        totals=await _totals(services, key.tenant) if totals == "true" and after is None else None,
        next_cursor=cursor_text("wallets", page[-1][0]) if len(found) > limit else None,
    )


@router.get("/{member}", summary="A wallet", responses=_BAD)
async def get_wallet(member: MemberPath, key: WalletReader, services: Parts) -> WalletView:
    """What a member has and may spend, now."""
    wallet = await _known_wallet(services, key.tenant, member)
    return wallet_view(wallet, services.terms.tenant(key.tenant), services.clock.wall_ms())


@router.get("/{member}/entries", summary="A wallet's ledger entries", responses=_DEAR)
async def list_entries(  # noqa: PLR0917 -- FastAPI passes them by name
    member: MemberPath,
    key: WalletReader,
    services: Parts,
    tongue: Spoken,
    limit: PageLimit = DEFAULT_LIMIT,
    cursor: PageCursor = None,
    lot: LotQuery = None,
) -> EntryPage:
    """Every movement with its cause, newest first; of one lot: what brought it and what it paid."""
    before = place_of("entries", cursor, Number)
    await _known_wallet(services, key.tenant, member)
    shard = services.live.shard_of(key.tenant, member)
    known_ms = await services.warehouse.known_up_to_ms(key.tenant, shard)
    found = await services.warehouse.transfers(
        key.tenant,
        member,
        before=None if before is None else before.value,
        limit=limit + 1,
        lot=lot,
    )
    page = found[:limit]
    telling = Telling(tongue, services.terms.tenant(key.tenant))
    last = Number(page[-1].entries[0].sequence) if page else None
    return EntryPage(
        entries=[transfer_view(each, telling) for each in page],
        as_known_up_to=None if known_ms is None else text_from_ms(known_ms),
        next_cursor=cursor_text("entries", last) if len(found) > limit else None,
    )


@router.get("/{member}/lots/{lot}", summary="Where money came from", responses=_DEAR)
async def get_lot(
    member: MemberPath, lot: LotPath, key: WalletReader, services: Parts, tongue: Spoken
) -> LotHistory:
    """Which top-up or gift brought a lot, and what became of it, as known in the warehouse.

    An entry of a charge names the lots that paid; this is how they lead back to their source.
    """
    wallet = await _known_wallet(services, key.tenant, member)
    known = await services.warehouse.lot(key.tenant, member, lot)
    if known is None:
        raise Problem("lot-unknown", f"member {member!r} has no lot {lot}, as far as is known")
    found = await services.warehouse.transfers(
        key.tenant, member, before=known.first + 1, limit=1, lot=lot
    )
    held = next((each for each in wallet.lots if each.id == lot), None)
    telling = Telling(tongue, services.terms.tenant(key.tenant))
    return lot_history(lot, known, found[0], held, telling)


async def _known_wallet(services: Services, tenant: str, member: str) -> Wallet:
    wallet = await services.live.wallet(tenant, member)
    if wallet is None:
        raise Problem("wallet-unknown", f"member {member!r} has neither used nor been topped up")
    return wallet


async def _totals(services: Services, tenant: str) -> list[WalletTotals]:
    totals = Totals()
    async for wallet in services.live.every_wallet(tenant):
        totals.add(wallet)
    return totals.views()
