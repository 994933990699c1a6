"""Answers about transfers: entries, charge lines, and how a posted transfer becomes one."""

from pydantic import BaseModel, Field

from api.models.money import Money, money
from api.ports import MemberTransfer
from api.words.telling import Telling
from schemas.ledger import ChargeLine
from schemas.moment import text_from_ms
from warehouse.answers import EntryRow


class ChargeView(BaseModel):
    """One line of a price, or of a price's change."""

    kind: str = Field(
        examples=["time"], description="time, minimum, fee, volume, item, page, flat or cap."
    )
    meter: str = Field(examples=["ms"], description="What was counted.")
    quantity: int
    amount: Money
    amount_micros: int
    rate: str | None = Field(description="Rate by the clock, or tier; null for the base price.")
    version: str | None = Field(description="When the tariff's version came into force.")
    price: str | None = Field(examples=["30/60 s"], description="Unit price in the tariff's words.")
    counted_from: str | None = Field(description="Of time, the first moment charged.")
    counted_to: str | None = Field(description="Of time, the moment after the last one charged.")


class EntryView(BaseModel):
    """One signed movement of one account."""

    account: str = Field(examples=["member/ann/cash"])
    amount: Money
    amount_micros: int
    balance_after: Money | None = Field(
        description="Of a member's bucket; null elsewhere, and for keys without wallet:read."
    )
    balance_after_micros: int | None
    lot: int | None = Field(
        description="Which of the member's lots; its first entry says where it came from."
    )


class TransferView(BaseModel):
    """Entries that belong together, with their cause; in a member's list only the member's."""

    id: str = Field(examples=["7-1234"], description="Deciding shard and ledger sequence.")
    cause: str = Field(
        examples=["charge"],
        description="charge, correction, pass, top_up, credit, expiry, capture, sent, received, "
        "turned_back, returned, earned or card_redeemed.",
    )
    words: str = Field(
        examples=["12 min 30 s of Channel 7 at 30 won a minute from 21:00, evening rate"],
        description="The entry as its member reads it, in the language of `lang` or "
        "`Accept-Language`; for people, its wording may change.",
    )
    member: str
    amount: Money = Field(description="What the member's wallet gained; negative when it paid.")
    amount_micros: int
    entries: list[EntryView]
    lines: list[ChargeView] = Field(description="What was priced, as the change by this transfer.")
    source: str | None
    session: str | None
    incarnation: int | None
    content: str | None
    tariff: str | None
    peer: str | None = Field(description="The other member of a transfer between two.")
    corrects: str | None = Field(description="Id of the transfer that this one corrects.")
    reference: str | None = Field(
        description="Outside reference of a top-up, why a price was corrected, or which card "
        "was redeemed."
    )
    event_at: str = Field(description="When the use happened that moved the money.")
    posted_at: str


class EntryPage(BaseModel):
    """A member's transfers, newest first."""

    entries: list[TransferView]
    as_known_up_to: str | None = Field(description="All that was posted until then is shown.")
    next_cursor: str | None


def transfer_id(shard: int, sequence: int) -> str:
    """How outside programs name a transfer."""
    return f"{shard}-{sequence}"


def charge_view(line: ChargeLine, currency: str) -> ChargeView:
    """A charge line as it is shown."""
    return ChargeView(
        kind=line.kind,
        meter=line.meter,
        quantity=line.quantity,
        amount=money(line.amount_micros, currency),
        amount_micros=line.amount_micros,
        rate=line.rate or None,
        version=text_from_ms(line.version) if line.version else None,
        price=line.price or None,
        counted_from=text_from_ms(line.from_ms) if line.to_ms else None,
        counted_to=text_from_ms(line.to_ms) if line.to_ms else None,
    )


def transfer_view(
    moved: MemberTransfer, telling: Telling, *, with_balances: bool = True
) -> TransferView:
    """A transfer as it is shown.

    Args:
        moved: With at least one entry.
        telling: How it is put into words.
        with_balances: Whether the caller may know what members have.
    """
    entry = moved.entries[0]
    currency, shard = entry.currency, entry.shard
    own = f"member/{entry.member}/"
    gained = sum(each.amount_micros for each in moved.entries if each.account.startswith(own))
    return TransferView(
        id=transfer_id(shard, entry.sequence),
        cause=entry.cause,
        words=telling.of_transfer(moved),
        member=entry.member,
        amount=money(gained, currency),
        amount_micros=gained,
        entries=[_entry_view(each, with_balances=with_balances) for each in moved.entries],
        lines=[charge_view(row.line, currency) for row in moved.lines],
        source=entry.source or None,
        session=entry.session or None,
        incarnation=entry.incarnation or None,
        content=entry.content or None,
        tariff=entry.tariff or None,
        peer=entry.peer or None,
        corrects=transfer_id(shard, entry.corrects) if entry.corrects >= 0 else None,
        reference=entry.reference or None,
        event_at=text_from_ms(entry.event_at_ms),
        posted_at=text_from_ms(entry.posted_at_ms),
    )


def _entry_view(entry: EntryRow, *, with_balances: bool) -> EntryView:
    after = entry.balance_after_micros if with_balances else None
    return EntryView(
        account=entry.account,
        amount=money(entry.amount_micros, entry.currency),
        amount_micros=entry.amount_micros,
        balance_after=None if after is None else money(after, entry.currency),
        balance_after_micros=after,
        lot=entry.lot or None,
    )
