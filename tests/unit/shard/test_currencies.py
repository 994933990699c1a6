"""A later catalogue prices in another currency than the wallet's: its numbers move nothing."""

import copy
from typing import Any

import pytest

from schemas.commands import Command
from tests.support.bench_shard import CATALOGUE, WON, Bench, buy_pass, event, frame, top_up
from tests.support.correcting import correct


def catalogue(currency: str) -> dict[str, Any]:
    """The standard one, with a pass for a day on sale."""
    made = copy.deepcopy(CATALOGUE)
    [tenant] = made["tenants"]
    tenant["currency"] = currency
    sold = {"kind": "flat", "price": "30", "period": "day", "starts": "purchase"}
    time = {"kind": "time", "price": "1", "per_s": 1}
    tenant["tariffs"].append({"id": "club", "components": [sold, time]})
    tenant["contents"].append({"id": "club", "provider": "kbs", "tariff": "club"})
    return made


@pytest.mark.parametrize(
    ("command", "key"), [(buy_pass("club"), "p1"), (correct(), "c/1")], ids=["pass", "correction"]
)
def test_command_when_the_catalogue_is_of_another_currency_then_is_refused(
    command: Command, key: str
) -> None:
    """As use is, until the currency is put back."""
    bench = Bench(catalogue("KRW"))
    bench.feed(top_up(1_000), frame(event("session.start", 1), event("session.stop", 11)))
    dollars = catalogue("USD")
    dollars["tenants"][0]["tariffs"][0]["components"][0]["price"] = "5"
    bench.publish(dollars)
    bench.feed(command)
    result, wallet = bench.result(key), bench.wallet()
    assert result is not None
    assert wallet is not None
    assert (result.outcome, result.reason) == ("refused", "currency-mismatch")
    assert wallet.cash_micros == 700 * WON
    bench.close()
