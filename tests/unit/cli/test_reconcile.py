"""Holding the copies of the books against each other: what counts as drift, missing, double."""

import pytest

from cli.reconcile import FINDINGS_MAX, Cut, LedgerSums, compare, ledger_sums
from schemas.ids import joined
from schemas.outputs import Stream
from tests.unit.warehouse.samples import TENANT, OutputChain, transfer

KIM, LEE = joined(TENANT, "kim"), joined(TENANT, "lee")


def _sums(posted: dict[str, int], transfers: int, **more: int) -> LedgerSums:
    counts = {"missing": 0, "double": 0, "unbalanced": 0} | more
    return LedgerSums(posted, transfers, counts["missing"], counts["double"], counts["unbalanced"])


def test_copies_when_they_agree_then_nothing_is_found() -> None:
    """Two shards, three wallets, one of them at zero."""
    report = compare(
        {0: Cut(2, {KIM: -5, LEE: 0}), 1: Cut(0, {})},
        {0: _sums({KIM: -5, LEE: 0}, 2), 1: _sums({}, 0)},
        {KIM: -5},
        {0: 2, 1: 0},
    )
    assert report.is_clean
    assert (report.wallets, report.findings) == (2, ())


@pytest.mark.parametrize(
    ("redis", "ledger", "warehouse", "drift"),
    [
        ({KIM: 5}, {KIM: 5}, {KIM: 4}, 1),
        ({KIM: 5}, {KIM: 5}, {}, 5),
        ({KIM: 5}, {}, {KIM: 5}, 5),
        ({}, {KIM: 5}, {KIM: 5}, 5),
        ({KIM: -3}, {KIM: 3}, {KIM: 0}, 6),
        ({KIM: 1}, {KIM: 2}, {KIM: 4}, 3),
        ({KIM: 1, LEE: -1}, {KIM: 0, LEE: 0}, {KIM: 0, LEE: 0}, 2),
        ({}, {}, {KIM: 7}, 7),
    ],
)
def test_copies_when_one_differs_then_the_drift_is_the_largest_distance(
    redis: dict[str, int], ledger: dict[str, int], warehouse: dict[str, int], drift: int
) -> None:
    """Differences never cancel, and a wallet that any copy lacks counts as zero there."""
    report = compare({0: Cut(1, redis)}, {0: _sums(ledger, 1)}, warehouse, {0: 1})
    assert report.drift_micros == drift
    assert not report.is_clean
    assert (
        f"{TENANT}/kim: Redis {redis.get(KIM, 0)}, ledger {ledger.get(KIM, 0)}"
        in report.findings[0]
    )


def test_copies_when_a_lot_differs_then_that_is_drift_though_the_balance_is_right() -> None:
    """Money in the wrong lot is another member's gift, or may expire, or not."""
    cut = Cut(1, {KIM: 9}, {(KIM, "cash", 1): 9})
    ledger = _sums({KIM: 9}, 1)._replace(lots={(KIM, "cash", 1): 5, (KIM, "promotion", 2): 4})
    report = compare({0: cut}, {0: ledger}, {KIM: 9}, {0: 1})
    assert report.drift_micros == 8
    assert report.findings == (
        f"{TENANT}/kim, lot 1 of cash: Redis 9, ledger 5 micro",
        f"{TENANT}/kim, lot 2 of promotion: Redis 0, ledger 4 micro",
    )


@pytest.mark.parametrize(
    ("ledger", "rows", "missing", "double"),
    [
        (_sums({}, 9), 9, 0, 0),
        (_sums({}, 9), 7, 2, 0),
        (_sums({}, 9), 11, 0, 2),
        (_sums({}, 9, missing=3), 9, 3, 0),
        (_sums({}, 9, double=1, unbalanced=4), 9, 0, 5),
    ],
)
def test_copies_when_rows_are_missing_or_double_then_each_is_counted(
    ledger: LedgerSums, rows: int, missing: int, double: int
) -> None:
    """The ledger's own faults and the warehouse's rows add up."""
    report = compare({0: Cut(9, {})}, {0: ledger}, {}, {0: rows})
    assert (report.missing_entries, report.double_entries) == (missing, double)
    assert report.is_clean == (not missing and not double)


def test_withdrawals_when_a_wallet_has_others_aside_than_the_books_then_that_is_drift() -> None:
    """Money on its way out is somebody's too, though no balance shows it."""
    cut = Cut(1, {KIM: 0}, {(KIM, "withdrawals", 0): 7})
    right = _sums({KIM: 0}, 1)._replace(lots={(KIM, "withdrawals", 0): 7})
    assert compare({0: cut}, {0: right}, {KIM: 0}, {0: 1}).is_clean
    report = compare({0: cut}, {0: _sums({KIM: 0}, 1)}, {KIM: 0}, {0: 1})
    assert (report.drift_micros, report.findings) == (
        7, (f"{TENANT}/kim, withdrawals: Redis 7, ledger 0 micro",),
    )  # fmt: skip


def test_findings_when_there_are_thousands_then_are_bounded() -> None:
    """The drift counts all of them, the list does not grow without end."""
    many = {joined(TENANT, f"m{number}"): 1 for number in range(FINDINGS_MAX + 50)}
    report = compare({0: Cut(1, many)}, {0: _sums({}, 1)}, {}, {0: 1})
    assert report.drift_micros == FINDINGS_MAX + 50
    assert len(report.findings) == FINDINGS_MAX


def test_ledger_when_summed_then_repeats_after_a_crash_count_once() -> None:
    """The same bytes again are no double; what stands at or behind the cut does not exist."""
    chain = OutputChain(Stream.LEDGER)
    first, second = chain.value(transfer("kim")), chain.value(transfer("kim"), transfer("lee"))
    behind = chain.value(transfer("kim"))
    found = ledger_sums([first, second, first, second, behind], 3)
    assert found == LedgerSums({KIM: -1_000, LEE: -500}, 3, 0, 0, 0)


def test_ledger_when_other_bytes_come_under_a_sequence_then_are_double() -> None:
    """A second message with the same place and another hash is a fault that is counted."""
    one, other = OutputChain(Stream.LEDGER), OutputChain(Stream.LEDGER)
    found = ledger_sums([one.value(transfer("kim")), other.value(transfer("lee"))], 1)
    assert (found.posted, found.double) == ({KIM: -500}, 1)


def test_ledger_when_sequences_are_missing_then_counts_how_many() -> None:
    """A hole in the middle and an end before the cut are both missing."""
    chain = OutputChain(Stream.LEDGER)
    values = [chain.value(transfer("kim")) for _ in range(4)]
    assert ledger_sums([values[0], values[3]], 4).missing == 2
    assert ledger_sums(values[:2], 4).missing == 2
    assert ledger_sums([], 4).missing == 4


def test_ledger_when_a_transfer_does_not_balance_then_it_is_counted() -> None:
    """Entries that do not sum to zero are told apart from the rest."""
    broken = transfer("kim")
    broken.entries[0] = broken.entries[0].__class__(broken.entries[0].account, -1, 0)
    chain = OutputChain(Stream.LEDGER)
    assert ledger_sums([chain.value(transfer("kim")), chain.value(broken)], 2).unbalanced == 1
