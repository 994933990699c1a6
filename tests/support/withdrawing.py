"""Withdrawals on a bench: a tenant's terms, commands, and what the books say."""

from typing import Any

from schemas.commands import Command
from schemas.withdrawals import (
    AskWithdrawal,
    DecideWithdrawal,
    DropAccount,
    KeepAccount,
    Withdrawal,
    WithdrawalOrder,
)
from tests.support.bench_shard import CATALOGUE, WON, Bench


def offering(**terms: object) -> dict[str, Any]:
    """The bench's catalogue with terms of withdrawals."""
    return {"tenants": [CATALOGUE["tenants"][0] | {"withdrawals": terms}]}


def order(body: WithdrawalOrder, key: str, *, member: str = "ann") -> Command:
    """A command about withdrawals."""
    return Command("tv", member, key, key.encode().ljust(16), 2**50, "desk", body)


def account(name: str = "acc", key: str = "a1", *, proved: bool = True) -> Command:
    """A command that registers ann's account."""
    return order(KeepAccount(name, proved), key)


def no_account(name: str = "acc", key: str = "a0") -> Command:
    """A command that removes it."""
    return order(DropAccount(name), key)


def ask(won: int, key: str = "w1", *, to: str = "acc", currency: str = "KRW") -> Command:
    """A command by which ann asks for money out."""
    return order(AskWithdrawal(to, won * WON, currency, f"mine-{key}"), key)


def decide(to: str, key: str, *, number: int = 1, said: str = "") -> Command:
    """A command that decides a withdrawal."""
    return order(DecideWithdrawal(number, to, said), key)


def withdrawals(bench: Bench) -> list[Withdrawal]:
    """Ann's, as stored."""
    wallet = bench.wallet()
    return [] if wallet is None else [*wallet.withdrawals]


def sum_on(bench: Bench, account: str) -> int:
    """What stands on an account of the ledger, in whole won."""
    entries = (entry for each in bench.transfers() for entry in each.entries)
    return sum(entry.amount_micros for entry in entries if entry.account == account) // WON
