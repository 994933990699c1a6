"""Catalogues whose prices were wrong, and orders to put sessions right."""

import copy
from collections.abc import Callable
from typing import Any

from schemas.commands import Command, CorrectPrice
from tests.support.bench_shard import CATALOGUE, WON, Bench

Change = Callable[[dict[str, Any]], None]


def tariff(catalogue: dict[str, Any], name: str) -> dict[str, Any]:
    """A tariff in a catalogue, to be changed."""
    found: dict[str, Any] = next(
        each for each in catalogue["tenants"][0]["tariffs"] if each["id"] == name
    )
    return found


def second(price: str) -> Change:
    """News at another price a second."""

    def change(catalogue: dict[str, Any]) -> None:
        tariff(catalogue, "second")["components"][0]["price"] = price

    return change


def changed(*changes: Change, base: dict[str, Any] = CATALOGUE) -> dict[str, Any]:
    """The standard catalogue otherwise."""
    catalogue = copy.deepcopy(base)
    for change in changes:
        change(catalogue)
    return catalogue


def correct(key: str = "c/1", **fields: object) -> Command:
    """An order to price session ``s1`` of ``ann`` by catalogue 2."""
    values: dict[str, Any] = {
        "correction": "c", "reason": "300 won instead of 30", "tariff": "second", "catalogue": 2,
        "source": "vod", "session": "s1", "incarnation": 1,
    } | fields  # fmt: skip
    return Command("tv", "ann", key, key.encode().ljust(16), 2**50, "ops", CorrectPrice(**values))


def cash(bench: Bench) -> int:
    """Won in the wallet, debt taken off."""
    wallet = bench.wallet()
    assert wallet is not None
    return (wallet.cash_micros - wallet.debt_micros) // WON


def reason_of(bench: Bench, key: str = "c/1") -> str:
    """Why an order was refused, or how it ended."""
    result = bench.result(key)
    assert result is not None
    return result.reason or result.outcome
