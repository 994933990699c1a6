"""Shadows beside production: the same tariff comes to the same, and neither changes the other.

The logs are those of ``test_grouping``: every tariff, disorder, silence, uses of long ago.
"""

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.applied import ShadowCharge
from schemas.frames import Record
from schemas.ledger import Transfer
from schemas.outputs import Stream
from tests.property.shard.test_grouping import WIDE, Tangle, chains
from tests.support.bench_shard import Bench

SEEDS = st.integers(0, 2**32)


def without_sales() -> dict[str, Any]:
    """The wide catalogue without tariffs that sell passes by purchase, which nobody may try."""
    wide = copy.deepcopy(WIDE)
    tenant = wide["tenants"][0]
    selling = {
        tariff["id"]
        for tariff in tenant["tariffs"]
        if any(part.get("starts") == "purchase" for part in tariff["components"])
    }
    tenant["tariffs"] = [each for each in tenant["tariffs"] if each["id"] not in selling]
    tenant["contents"] = [each for each in tenant["contents"] if each["tariff"] not in selling]
    return wide


PLAIN = without_sales()


def shadowed(step: int) -> dict[str, Any]:
    """The same in which each content's shadow is the tariff so many places on."""
    wide = copy.deepcopy(PLAIN)
    tenant = wide["tenants"][0]
    names = [str(tariff["id"]) for tariff in tenant["tariffs"]]
    for content in tenant["contents"]:
        content["shadow"] = names[(names.index(content["tariff"]) + step) % len(names)]
    return wide


SAME, OTHER = shadowed(0), shadowed(3)


def played(records: list[Record], catalogue: dict[str, Any]) -> Bench:
    """A shard that took the records one by one."""
    bench = Bench(None)
    bench.publish(catalogue)
    for record in records:
        bench.feed(record)
    return bench


def told_by_transfer(transfer: Transfer) -> tuple[object, ...]:
    """What a transfer says of its scope, in the words of a shadow charge."""
    to_member = [e for e in transfer.entries if e.account.startswith("member/")]
    to_provider = [e for e in transfer.entries if e.account.startswith("provider/")]
    return (
        transfer.member, transfer.source, transfer.session, transfer.incarnation,
        transfer.content, transfer.tariff, transfer.catalogue, transfer.scope, transfer.lines,
        -sum(entry.amount_micros for entry in to_member),
        sum(entry.amount_micros for entry in to_provider), transfer.event_at_ms,
    )  # fmt: skip


def told_by_shadow(charge: ShadowCharge) -> tuple[object, ...]:
    """The same of a shadow charge."""
    return (
        charge.member, charge.source, charge.session, charge.incarnation, charge.content,
        charge.tariff, charge.catalogue, charge.scope, charge.lines, charge.amount_micros,
        charge.provider_micros, charge.event_at_ms,
    )  # fmt: skip


@settings(max_examples=100, deadline=None, derandomize=True)
@given(SEEDS)
def test_shadow_when_it_is_the_same_tariff_then_tells_what_production_tells(seed: int) -> None:
    """Line by line, change by change, in the same order: as the ledger, but for the wallet."""
    bench = played(Tangle(seed).records(40), SAME)
    real = [told_by_transfer(each) for each in bench.transfers() if each.cause != "top_up"]
    shadow = [told_by_shadow(each) for each in bench.shadows()]
    assert shadow == real
    assert not any(each.fault for each in bench.shadows())
    bench.close()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    SEEDS,
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.lists(st.booleans(), min_size=1, max_size=5),
)
def test_outputs_when_shadows_are_grouped_and_reloaded_then_are_the_same(
    seed: int, sizes: list[int], reloads: list[bool]
) -> None:
    """Shadows of other tariffs add nothing that depends on batches or on what was in memory."""
    records = Tangle(seed).records(40)
    assert chains(records, sizes, reloads, OTHER) == chains(records, [1], [False], OTHER)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SEEDS)
def test_ledger_when_contents_have_shadows_then_is_byte_for_byte_as_without(seed: int) -> None:
    """No transfer, signal or refusal differs, and no item of the applied stream but the shadows."""
    records = Tangle(seed).records(40)
    plain, other = played(records, PLAIN), played(records, OTHER)
    money = [Stream.LEDGER.value, Stream.CONTROL.value]
    assert [each for each in other.chains() if each[0] in money] == [
        each for each in plain.chains() if each[0] in money
    ]
    assert other.wallet() == plain.wallet()
    assert other.usage() == plain.usage()
    assert [(each.id, each.reason) for each in other.dead()] == [
        (each.id, each.reason) for each in plain.dead()
    ]
    plain.close()
    other.close()
