"""``ncash cards``: the words and options; what they do is beside this file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.bench.commands import Json

if TYPE_CHECKING:
    from schemas.buckets import Only
    from schemas.card_orders import CardOrder

cards = typer.Typer(help="Prepaid cards: PINs made and exported once, encrypted; sold and blocked.")

DataDir = Annotated[
    Path, typer.Option("--data", envvar="NCASH_DATA_DIR", help="Folder for data, logs and keys.")
]
Tenant = Annotated[str, typer.Option(help="Whose cards.")]
Batch = Annotated[str, typer.Argument(help="Name of the batch.")]
First = Annotated[int, typer.Option(min=1, help="Serial number of the first.")]
Last = Annotated[int, typer.Option(help="Of the last; 0: to the end of the batch.")]
_HERE = Path("ncash-data")


@cards.command()
def make(
    batch: Batch,
    *,
    tenant: Tenant,
    count: Annotated[int, typer.Option(min=1, help="How many cards.")],
    amount: Annotated[str, typer.Option(help="Of each, major units: 10000.")],
    recipient: Annotated[
        list[str], typer.Option(help="Public key of who may read the PINs: age1… or ssh-….")
    ],
    out: Annotated[Path, typer.Option(help="The export, a new file.", dir_okay=False)],
    currency: Annotated[str, typer.Option(help="The tenant's.")] = "KRW",
    expires: Annotated[
        str, typer.Option(help="Nobody redeems them from then on: 2027-12-31T15:00:00Z.")
    ] = "",
    valid_days: Annotated[
        int, typer.Option(min=0, help="How long the money lasts once redeemed; 0: for ever.")
    ] = 0,
    content: Annotated[list[str] | None, typer.Option(help="Buys this content only.")] = None,
    provider: Annotated[list[str] | None, typer.Option(help="Of this provider only.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Charges of this kind only.")] = None,
    data: DataDir = _HERE,
    json: Json = False,
) -> None:
    """Make a batch: its PINs are in the export, encrypted, and nowhere else; none is on sale."""
    from cli.cards.making import Wanted, make_cards
    from cli.screen import put_json, screen
    from cli.stacking import settings_of
    from schemas.cards import BATCH_CARDS_MAX, CardTerms
    from schemas.moment import DAY_MS, ms_from_text
    from schemas.money import amount_from_text

    if count > BATCH_CARDS_MAX:
        raise typer.BadParameter(f"--count: a batch has at most {BATCH_CARDS_MAX} cards")
    try:
        expires_ms = ms_from_text(expires) if expires else 0
        amount_micros = amount_from_text(amount)
    except (ValueError, OverflowError) as fault:
        raise typer.BadParameter(f"--expires, --amount: {fault}") from fault
    only = _only(content, provider, kind)
    terms = CardTerms(amount_micros, currency, expires_ms, valid_days * DAY_MS, None, only)
    make_cards(settings_of(data), Wanted(tenant, batch, count, terms, recipient, out))
    screen().print(
        f"{count} cards of batch {batch} are made, their PINs are in {out}; activate them when "
        "they are sold",
        markup=False,
    )
    if json:
        put_json({"batch": batch, "cards": count, "file": str(out)})


@cards.command()
def activate(
    batch: Batch,
    *,
    tenant: Tenant,
    first: First = 1,
    last: Last = 0,
    data: DataDir = _HERE,
    json: Json = False,
) -> None:
    """Put cards on sale: they can be redeemed, and are owed for."""
    from schemas.card_orders import ActivateCards

    _order(data, tenant, ActivateCards(batch, first, _end(last)), "activated", as_json=json)


@cards.command()
def block(
    batch: Batch,
    *,
    tenant: Tenant,
    first: First,
    last: Last,
    data: DataDir = _HERE,
    json: Json = False,
) -> None:
    """Stop cards from being redeemed, such as stolen ones."""
    from schemas.card_orders import BlockCards

    order = BlockCards(batch, first, _end(last), is_blocked=True)
    _order(data, tenant, order, "blocked", as_json=json)


@cards.command()
def unblock(
    batch: Batch,
    *,
    tenant: Tenant,
    first: First,
    last: Last,
    data: DataDir = _HERE,
    json: Json = False,
) -> None:
    """Let blocked cards go."""
    from schemas.card_orders import BlockCards

    order = BlockCards(batch, first, _end(last), is_blocked=False)
    _order(data, tenant, order, "let go", as_json=json)


@cards.command()
def close(batch: Batch, *, tenant: Tenant, data: DataDir = _HERE, json: Json = False) -> None:
    """Write off what nobody redeemed of a batch that has expired: it becomes breakage."""
    from schemas.card_orders import CloseCards

    _order(data, tenant, CloseCards(batch), "written off", as_json=json)


@cards.command()
def report(
    batch: Annotated[str, typer.Argument(help="Name of the batch; without it, all.")] = "",
    *,
    tenant: Tenant,
    data: DataDir = _HERE,
    json: Json = False,
) -> None:
    """Tell what became of batches: made, on sale, redeemed, blocked, expired, owed."""
    from cli.cards.ordering import put_report, report_of
    from cli.screen import put_json
    from cli.stacking import settings_of

    views = report_of(settings_of(data), tenant, batch)
    put_report(views)
    if json:
        put_json({"batches": [each.model_dump() for each in views]})


def _order(data: Path, tenant: str, order: "CardOrder", said: str, *, as_json: bool) -> None:
    from cli.cards.ordering import order_batch
    from cli.screen import put_json, screen
    from cli.stacking import settings_of

    changed = order_batch(settings_of(data), tenant, order)
    screen().print(f"{changed} cards of batch {order.batch} {said}", markup=False)
    if as_json:
        put_json({"batch": order.batch, "cards": changed})


def _end(last: int) -> int:
    from schemas.cards import BATCH_CARDS_MAX

    return last or BATCH_CARDS_MAX


def _only(
    contents: list[str] | None, providers: list[str] | None, kinds: list[str] | None
) -> "Only | None":
    from schemas.buckets import Only

    lists = (contents, providers, kinds)
    only = Only(*(tuple(sorted({*(each or ())})) for each in lists))
    return None if only == Only() else only
