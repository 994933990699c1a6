"""Withdrawals and the accounts that they go to: what is asked, and how they are shown."""

from pydantic import BaseModel, ConfigDict, Field

from api.limits import REFERENCE_CHARS_MAX
from api.models.money import AMOUNT_CHARS_MAX, CURRENCY, Money, money
from schemas.commands import Result
from schemas.moment import text_from_ms
from schemas.withdrawals import ACCOUNT_CHARS_MAX, Withdrawal


class WithdrawalBody(BaseModel):
    """Money to be paid out."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"account": "psp-31", "amount": "70", "currency": "KRW"}]},
    )

    account: str = Field(
        min_length=1, max_length=ACCOUNT_CHARS_MAX, description="Where to; registered and proved."
    )
    amount: str = Field(
        max_length=AMOUNT_CHARS_MAX,
        description="What leaves the wallet, the fee in it: major units as text.",
    )
    currency: str = Field(pattern=CURRENCY, description="ISO 4217 code; the wallet's.")
    reference: str = Field(
        "", max_length=REFERENCE_CHARS_MAX, description="Your own name for it, on its entries."
    )


class PaidBody(BaseModel):
    """What was paid."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"reference": "bank-9"}]}
    )

    reference: str = Field(
        min_length=1,
        max_length=REFERENCE_CHARS_MAX,
        description="The payment's at the bank or whoever paid.",
    )


class ReasonBody(BaseModel):
    """Why the money goes back."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"reason": "account closed"}]}
    )

    reason: str = Field(
        min_length=1, max_length=REFERENCE_CHARS_MAX, description="For people; the member reads it."
    )


class AccountBody(BaseModel):
    """An account to be registered, or proved."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"proved": True}]}
    )

    proved: bool = Field(
        default=False,
        description="Whether it is known to be the member's; needs `admin`. False of a proved one "
        "changes nothing.",
    )


class AccountView(BaseModel):
    """Where a member's money may go."""

    account: str
    proved: bool


class AccountList(BaseModel):
    """All of a member's."""

    accounts: list[AccountView]


class AccountDone(BaseModel):
    """An account after a request."""

    member: str
    account: str
    decided_at: str


class WithdrawalView(BaseModel):
    """A withdrawal."""

    id: str = Field(examples=["1"], description="Its number among the member's.")
    member: str
    account: str
    state: str = Field(
        description="`requested`, `approved`, `paid`, `rejected`, `failed` or `returned`."
    )
    amount: Money = Field(description="What left the wallet.")
    amount_micros: int
    fee: Money = Field(description="What of it the tenant keeps once it is paid.")
    fee_micros: int
    approved_by: str | None = Field(description="Id of an API key; `rule`: the tenant's terms.")
    reference: str | None = Field(description="The caller's.")
    paid_as: str | None = Field(description="The payment's reference at whoever paid.")
    reason: str | None = Field(description="Why the money went back.")
    requested_at: str
    changed_at: str


class WithdrawalList(BaseModel):
    """A member's, the latest first; of those that ended long ago the entries tell."""

    withdrawals: list[WithdrawalView]


class WithdrawalDone(BaseModel):
    """A withdrawal after a request, and the wallet after it."""

    withdrawal: WithdrawalView
    transfer: str | None = Field(
        examples=["7-1234"], description="Id of the transfer, where money moved."
    )
    posted: Money = Field(description="The wallet's posted balance after it.")
    posted_micros: int
    available: Money = Field(description="What could be spent after it on anything.")
    available_micros: int


def withdrawal_view(member: str, each: Withdrawal, currency: str) -> WithdrawalView:
    """A withdrawal as it is shown."""
    return WithdrawalView(
        id=str(each.id),
        member=member,
        account=each.account,
        state=each.state,
        amount=money(each.amount_micros, currency),
        amount_micros=each.amount_micros,
        fee=money(each.fee_micros, currency),
        fee_micros=each.fee_micros,
        approved_by=each.approver or None,
        reference=each.reference or None,
        paid_as=each.outside or None,
        reason=each.reason or None,
        requested_at=text_from_ms(each.requested_ms),
        changed_at=text_from_ms(each.changed_ms),
    )


def withdrawal_done(member: str, each: Withdrawal, result: Result) -> WithdrawalDone:
    """A result as it is shown; a repeat of the request gets the same."""
    currency, sequence = result.currency, result.ledger_sequence
    return WithdrawalDone(
        withdrawal=withdrawal_view(member, each, currency),
        transfer=None if sequence < 0 else f"{result.shard}-{sequence}",
        posted=money(result.posted_micros, currency),
        posted_micros=result.posted_micros,
        available=money(result.available_micros, currency),
        available_micros=result.available_micros,
    )
