"""Comparing the warehouse with the other copies of the books.

Owns: balances at a cut, rows counted against sequences, totals of a tenant.
Invariant: a cut is a ledger sequence per shard; what stands at or after it does not exist here.
Sums are made in 128 bits.
Does not own: the comparison (cli), how far a stream is (``warehouse.contiguous``).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from warehouse.cells import text, whole
from warehouse.port import Reader

_MEMBER = "member/"


@dataclass(frozen=True, slots=True)
class Balance:
    """Sum of one member's bucket.

    Args:
        tenant: Whose.
        member: Who.
        bucket: Such as ``cash`` or ``debt``.
        currency: Of the amount.
        amount_micros: Sum of its entries.
        last_after_micros: What the last of them said that the balance was after it.
    """

    tenant: str
    member: str
    bucket: str
    currency: str
    amount_micros: int
    last_after_micros: int


@dataclass(frozen=True, slots=True)
class TransferCount:
    """Rows of one shard's ledger below a cut.

    Args:
        rows: Entries.
        double: Entries beyond one per (sequence, index).
        transfers: Distinct sequences; the cut itself when none is missing.
        unbalanced: Transfers whose entries do not sum to zero.
    """

    rows: int
    double: int
    transfers: int
    unbalanced: int


@dataclass(frozen=True, slots=True)
class Totals:
    """A tenant in a few figures.

    Args:
        sessions: By cause of end, true CDRs only.
        charged_micros: By currency, from the charges.
        provider_micros: By (provider, currency), what each is owed, from the ledger.
        usages: Applied events.
        duplicates: Repeats that changed nothing.
        entries: Of the ledger.
        refused: Dead letters of shards and collectors.
    """

    sessions: dict[str, int]
    charged_micros: dict[str, int]
    provider_micros: dict[tuple[str, str], int]
    usages: int
    duplicates: int
    entries: int
    refused: int


def balances_at(reader: Reader, cuts: Mapping[int, int]) -> list[Balance]:
    """Every member's buckets at a cut.

    Args:
        reader: The warehouse.
        cuts: By shard, the first ledger sequence that does not count. Asked shard by shard, so
            one answer holds one shard's wallets.

    Raises:
        WarehouseUnavailable: No answer.
        WarehouseRefused: One shard has more wallets than an answer may hold.
    """
    return [
        _balance(text(tenant), text(account), text(currency), whole(amount), whole(after))
        for shard, cut in sorted(cuts.items())
        for tenant, account, currency, amount, after in reader.query(
            "SELECT tenant, account, currency, sum(toDecimal128(amount_micros, 0)), "
            "argMax(ifNull(balance_after_micros, 0), sequence * 65536 + entry) "
            "FROM ledger_entries WHERE shard = %(shard)s AND sequence < %(cut)s "
            "AND startsWith(account, %(member)s) "
            "GROUP BY tenant, account, currency ORDER BY tenant, account, currency",
            {"shard": shard, "cut": cut, "member": _MEMBER},
        ).rows
    ]


def transfers_below(reader: Reader, shard: int, cut: int) -> TransferCount:
    """Count one shard's ledger below a cut.

    Raises:
        WarehouseUnavailable: No answer.
    """
    [row] = reader.query(
        "SELECT count(), sum(n), sum(n) - sum(indices), countIf(total != 0) FROM ("
        "SELECT sequence, count() AS n, uniqExact(entry) AS indices, sum(amount_micros) AS total "
        "FROM ledger_entries WHERE shard = %(shard)s AND sequence < %(cut)s GROUP BY sequence)",
        {"shard": shard, "cut": cut},
    ).rows
    transfers, rows, double, unbalanced = map(whole, row)
    return TransferCount(rows=rows, double=double, transfers=transfers, unbalanced=unbalanced)


def rows_double(reader: Reader) -> dict[str, int]:
    """By table, the rows beyond one per place: always 0.

    Raises:
        WarehouseUnavailable: No answer.
    """
    places = {
        "usage_events": "shard, sequence",
        "cdrs": "shard, sequence",
        "late_usage": "shard, sequence",
        "ledger_entries": "shard, sequence, entry",
        "charges": "shard, sequence, line",
        "shadow_charges": "shard, sequence, line",
        "dead_letters": "shard, sequence",
        "ingest_dead_letters": "topic, topic_partition, topic_offset",
    }
    found: dict[str, int] = {}
    for table, place in places.items():
        [[double]] = reader.query(
            f"SELECT toInt64(count()) - toInt64(uniqExact({place})) FROM {table}"  # noqa: S608
        ).rows
        found[table] = whole(double)
    return found


def totals(reader: Reader, tenant: str) -> Totals:
    """A tenant in a few figures.

    Raises:
        WarehouseUnavailable: No answer.
    """
    of = {"tenant": tenant}
    causes = reader.query(
        "SELECT cause, count() FROM (SELECT cause FROM cdrs WHERE tenant = %(tenant)s "
        "ORDER BY revision DESC LIMIT 1 BY source, subject, session, incarnation) "
        "GROUP BY cause ORDER BY cause",
        of,
    ).rows
    charged = reader.query(
        "SELECT currency, sum(toDecimal128(amount_micros, 0)) FROM charges "
        "WHERE tenant = %(tenant)s GROUP BY currency ORDER BY currency",
        of,
    ).rows
    owed = reader.query(
        "SELECT account, currency, sum(toDecimal128(amount_micros, 0)) FROM ledger_entries "
        "WHERE tenant = %(tenant)s AND startsWith(account, 'provider/') "
        "GROUP BY account, currency ORDER BY account, currency",
        of,
    ).rows
    [[usages, duplicates]] = reader.query(
        "SELECT countIf(outcome = 'applied'), countIf(outcome = 'duplicate') FROM usage_events "
        "WHERE tenant = %(tenant)s",
        of,
    ).rows
    return Totals(
        sessions={text(cause): whole(count) for cause, count in causes},
        charged_micros={text(currency): whole(amount) for currency, amount in charged},
        provider_micros={
            (text(account).partition("/")[2], text(currency)): whole(amount)
            for account, currency, amount in owed
        },
        usages=whole(usages),
        duplicates=whole(duplicates),
        entries=_count(reader, "ledger_entries", tenant),
        refused=_count(reader, "dead_letters", tenant)
        + _count(reader, "ingest_dead_letters", tenant),
    )


def _count(reader: Reader, table: str, tenant: str) -> int:
    [[count]] = reader.query(
        f"SELECT count() FROM {table} WHERE tenant = %(tenant)s",  # noqa: S608 - our own words
        {"tenant": tenant},
    ).rows
    return whole(count)


def _balance(tenant: str, account: str, currency: str, amount: int, after: int) -> Balance:
    """A member's id may hold slashes, a bucket's name does not."""
    member, _, bucket = account.removeprefix(_MEMBER).rpartition("/")
    return Balance(tenant, member, bucket, currency, amount, after)
