"""Answers about wallets, and how a wallet becomes one."""

from pydantic import BaseModel, Field

from api.models.lots import LotView, lot_view
from api.models.money import Money, money
from rating.catalogue import TenantTerms
from schemas import buckets
from wallet.available import available, posted, spendable
from wallet.lots import anything
from wallet.wallet import Wallet


class Bucket(BaseModel):
    """One part of a wallet."""

    bucket: str = Field(
        examples=["cash"],
        description="`cash`, `card`, `points`, `promotion`; `debt`, at most zero; `credit_line`, "
        "how far below zero it may go.",
    )
    amount: Money
    amount_micros: int


class WalletView(BaseModel):
    """What a member has and may spend."""

    member: str = Field(examples=["ann"])
    currency: str = Field(examples=["KRW"])
    posted: Money = Field(description="Sum of all entries: all lots less debt.")
    posted_micros: int
    held: Money = Field(description="Reserved by holds.")
    held_micros: int
    spendable: Money = Field(description="What can be spent now, on anything.")
    spendable_micros: int
    available: Money = Field(description="Spendable less held plus credit limit less debt.")
    available_micros: int
    buckets: list[Bucket]
    lots: list[LotView]
    frozen: str | None = Field(description="Why nothing of it may be spent; null: it may.")
    open_sessions: int = Field(description="Sessions that go on now.")


class WalletTotals(BaseModel):
    """All wallets of the tenant in one currency."""

    currency: str
    wallets: int
    posted: Money
    posted_micros: int
    spendable: Money = Field(description="What all lots hold, be there conditions or not.")
    spendable_micros: int
    debt: Money = Field(description="What members owe, at most zero.")
    debt_micros: int


class WalletPage(BaseModel):
    """Wallets of a tenant, in a stable order."""

    wallets: list[WalletView]
    totals: list[WalletTotals] | None = Field(
        description="Over all wallets, by currency; on the first page only."
    )
    next_cursor: str | None


def wallet_view(wallet: Wallet, terms: TenantTerms | None, at_ms: int) -> WalletView:
    """A wallet as it is shown.

    Args:
        wallet: Of a member.
        terms: Of the tenant; without them there is no credit line.
        at_ms: Now: what has expired cannot be spent.
    """
    limit = 0 if terms is None else terms.credit_limit_micros(wallet.member)
    currency = wallet.currency
    use = anything(at_ms)
    may_spend, has = available(wallet, limit, use), spendable(wallet, use)
    return WalletView(
        member=wallet.member,
        currency=currency,
        posted=money(posted(wallet), currency),
        posted_micros=posted(wallet),
        held=money(wallet.held_micros, currency),
        held_micros=wallet.held_micros,
        spendable=money(has, currency),
        spendable_micros=has,
        available=money(may_spend, currency),
        available_micros=may_spend,
        buckets=[
            *(
                _bucket(bucket, wallet.bucket_micros(bucket), currency)
                for bucket in buckets.Bucket
                if bucket == buckets.Bucket.CASH or any(lot.bucket == bucket for lot in wallet.lots)
            ),
            _bucket("debt", -wallet.debt_micros, currency),
            _bucket("credit_line", limit, currency),
        ],
        lots=[lot_view(lot, currency) for lot in wallet.lots],
        frozen=wallet.frozen or None,
        open_sessions=len(wallet.open_sessions),
    )


def _bucket(name: str, amount_micros: int, currency: str) -> Bucket:
    return Bucket(bucket=name, amount=money(amount_micros, currency), amount_micros=amount_micros)


class Totals:
    """Sums wallets by currency; the sums are exact however many there are."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[int, int, int]] = {}

    def add(self, wallet: Wallet) -> None:
        """Count a wallet in."""
        wallets, lots, debt = self._sums.get(wallet.currency, (0, 0, 0))
        self._sums[wallet.currency] = (
            wallets + 1,
            lots + wallet.lots_micros,
            debt + wallet.debt_micros,
        )

    def views(self) -> list[WalletTotals]:
        """The sums, by currency."""
        return [
            WalletTotals(
                currency=currency,
                wallets=wallets,
                posted=money(lots - debt, currency),
                posted_micros=lots - debt,
                spendable=money(lots, currency),
                spendable_micros=lots,
                debt=money(-debt, currency),
                debt_micros=-debt,
            )
            for currency, (wallets, lots, debt) in sorted(self._sums.items())
        ]
