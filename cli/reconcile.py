"""Every copy of every balance at one cut: Redis, the ledger in Kafka, the warehouse.

Invariant: the cut is the ledger sequence at which each shard's state in Redis stands; the ledger
is read up to it and the warehouse is asked for what it has below it. Nothing is changed.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import redis

from schemas.ids import joined
from schemas.ledger import TRANSIT, WITHDRAWALS
from schemas.outputs import OutputRecord, Stream, decode_output, transfers_of
from shard.cursor import decode_cursor
from shard.port import Kind
from wallet.available import posted
from wallet.wallet import decode_wallet

MEMBER_PREFIX = "member/"


# Wallet field, bucket and number.
Lot = tuple[str, str, int]


class Cut(NamedTuple):
    """One shard as Redis has it.

    Args:
        next: Ledger sequence that it would give next: everything below counts.
        posted: Posted balance by wallet field.
        lots: What each lot holds, by wallet field, bucket and number; empty ones are left out.
            What is aside for withdrawals stands there under that word and 0.
    """

    next: int
    posted: dict[str, int]
    lots: Mapping[Lot, int] = MappingProxyType({})


class LedgerSums(NamedTuple):
    """One shard's ledger up to a cut.

    Args:
        posted: Sum of the members' entries by wallet field.
        transfers: How many were counted.
        missing: Sequences that never came.
        double: Sequences that came with other bytes than before.
        unbalanced: Transfers whose entries do not sum to zero.
        lots: Sum of the entries of each lot, and of each member's withdrawals.
        transit_micros: What its members have sent to other shards, less what came from them.
    """

    posted: dict[str, int]
    transfers: int
    missing: int
    double: int
    unbalanced: int
    lots: Mapping[Lot, int] = MappingProxyType({})
    transit_micros: int = 0


class Report(NamedTuple):
    """What ``ncash reconcile`` says.

    Args:
        wallets: How many were compared.
        drift_micros: Sum of the sizes of all differences between any two copies.
        missing_entries: Transfers or rows that a copy lacks.
        double_entries: Those that a copy has twice.
        findings: A line for each difference, at most ``FINDINGS_MAX``.
        transit_micros: Money on its way between members; 0 once nothing moves.
    """

    wallets: int
    drift_micros: int
    missing_entries: int
    double_entries: int
    findings: tuple[str, ...]
    transit_micros: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether all copies agree."""
        return not (self.drift_micros or self.missing_entries or self.double_entries)


FINDINGS_MAX = 100


def cut_of(store: redis.Redis, shard: int) -> Cut:
    """A shard's cursor and wallets, read at one moment."""
    tag = f"{{{shard}}}"
    # redis-py leaves the types of a pipeline open.
    with store.pipeline(transaction=True) as together:  # pyright: ignore[reportUnknownMemberType]
        together.get(f"{tag}:cursor")
        together.hvals(f"{tag}:{Kind.WALLETS}")
        raw_cursor, values = together.execute()
    if raw_cursor is None:
        return Cut(0, {})
    wallets = [decode_wallet(value) for value in values]
    return Cut(
        decode_cursor(raw_cursor).head(Stream.LEDGER).next,
        {joined(each.tenant, each.member): posted(each) for each in wallets},
        {
            (joined(each.tenant, each.member), lot.bucket, lot.id): lot.amount_micros
            for each in wallets
            for lot in each.lots
            if lot.amount_micros
        }
        | {
            (joined(each.tenant, each.member), WITHDRAWALS, 0): each.aside_micros
            for each in wallets
            if each.aside_micros
        },
    )


def ledger_sums(values: Iterable[bytes], end: int) -> LedgerSums:
    """Sums of the members' entries with a sequence below ``end``.

    Args:
        values: The partition's messages in order; repeats after a crash are expected.
        end: The cut.
    """
    sums: dict[str, int] = {}
    lots: dict[Lot, int] = {}
    transit = 0
    seen: dict[int, bytes] = {}
    following = missing = double = unbalanced = 0
    for value in values:
        record = decode_output(value)
        if record.first >= end:
            continue
        if record.first < following:
            double += seen.get(record.first, record.chain_after) != record.chain_after
            continue
        missing += record.first - following
        following = record.first + record.count
        seen[record.first] = record.chain_after
        unbalanced += _add(sums, lots, record)
        transit += _transit(record)
    missing += max(0, end - following)
    return LedgerSums(sums, following, missing, double, unbalanced, lots, transit)


def _add(sums: dict[str, int], lots: dict[Lot, int], record: OutputRecord) -> int:
    unbalanced = 0
    for transfer in transfers_of(record):
        unbalanced += sum(entry.amount_micros for entry in transfer.entries) != 0
        field = joined(transfer.tenant, transfer.member)
        for entry in transfer.entries:
            if entry.account == WITHDRAWALS:
                lots[field, WITHDRAWALS, 0] = lots.get((field, WITHDRAWALS, 0), 0) + (
                    entry.amount_micros
                )
            if entry.account.startswith(MEMBER_PREFIX):
                sums[field] = sums.get(field, 0) + entry.amount_micros
                if entry.lot:
                    place = (field, entry.account.rsplit("/", 1)[1], entry.lot)
                    lots[place] = lots.get(place, 0) + entry.amount_micros
    return unbalanced


def _transit(record: OutputRecord) -> int:
    return sum(
        entry.amount_micros
        for transfer in transfers_of(record)
        for entry in transfer.entries
        if entry.account == TRANSIT
    )


def compare(
    cuts: Mapping[int, Cut],
    ledgers: Mapping[int, LedgerSums],
    warehouse: Mapping[str, int],
    rows: Mapping[int, int],
) -> Report:
    """Holds the copies against each other.

    Args:
        cuts: Redis, by shard.
        ledgers: The ledger, by shard.
        warehouse: Posted balance by wallet field, from rows below the cuts.
        rows: Distinct transfers that the warehouse has below the cut, by shard.
    """
    findings: list[str] = []
    drift = missing = double = 0
    known: set[str] = set()
    for shard, cut in sorted(cuts.items()):
        ledger = ledgers[shard]
        missing += ledger.missing + max(0, ledger.transfers - rows.get(shard, 0))
        double += ledger.double + ledger.unbalanced + max(0, rows.get(shard, 0) - ledger.transfers)
        fields = cut.posted.keys() | ledger.posted.keys()
        known |= fields
        for field in sorted(fields):
            copies = cut.posted.get(field, 0), ledger.posted.get(field, 0), warehouse.get(field, 0)
            drift += _apart(field, copies, findings)
        drift += _lots_apart(cut.lots, ledger.lots, findings)
    # A wallet that no shard knows must not be in the warehouse either.
    strangers = sorted(warehouse.keys() - known)
    drift += sum(_apart(field, (0, 0, warehouse[field]), findings) for field in strangers)
    transit = sum(ledger.transit_micros for ledger in ledgers.values())
    wallets = len(known) + len(strangers)
    return Report(wallets, drift, missing, double, tuple(findings), transit)


def _lots_apart(stored: Mapping[Lot, int], ledger: Mapping[Lot, int], findings: list[str]) -> int:
    """How far lots in Redis are from what the ledger's entries say of them."""
    drift = 0
    for place in sorted(stored.keys() | ledger.keys()):
        copies = stored.get(place, 0), ledger.get(place, 0)
        apart = max(copies) - min(copies)
        drift += apart
        if apart and len(findings) < FINDINGS_MAX:
            field, bucket, number = place
            name = field.replace("\x1f", "/")
            what = f"lot {number} of {bucket}" if number else bucket
            findings.append(f"{name}, {what}: Redis {copies[0]}, ledger {copies[1]} micro")
    return drift


def _apart(field: str, copies: tuple[int, int, int], findings: list[str]) -> int:
    """How far a wallet's copies are from each other; a difference leaves a line."""
    apart = max(copies) - min(copies)
    if apart and len(findings) < FINDINGS_MAX:
        name = field.replace("\x1f", "/")
        findings.append(
            f"{name}: Redis {copies[0]}, ledger {copies[1]}, warehouse {copies[2]} micro"
        )
    return apart
