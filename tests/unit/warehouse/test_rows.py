"""Rows fit their tables, and say what the item said."""

import re
from pathlib import Path

import pytest

from tests.unit.warehouse.samples import LATE, cdr, letter, shadow, transfer, usage
from warehouse.migrate import FOLDER
from warehouse.port import Columns, Row
from warehouse.rows import (
    CDRS,
    CHARGES,
    DEAD_LETTERS,
    INGEST_DEAD_LETTERS,
    LATE_USAGE,
    LEDGER_ENTRIES,
    SHADOW_CHARGES,
    SINK_RANGES,
    USAGE_EVENTS,
    Place,
    Places,
    Table,
    TopicPlace,
    cdr_row,
    charge_columns,
    dead_letter_row,
    entry_columns,
    ingest_dead_letter_row,
    late_row,
    late_usage_row,
    shadow_charge_rows,
    usage_columns,
)

PLACE = Place(shard=3, sequence=41, log_offset=7, posted_at_ms=99)
PLACES = Places(shard=3, sequences=[40, 41], log_offset=7, posted_at_ms=99)


def _rows(columns: Columns) -> list[Row]:
    return list(zip(*columns.cells, strict=True))


TWO_TRANSFERS = [transfer(amount_micros=5), transfer(after=42)]
CASES: list[tuple[Table, Row]] = [
    (USAGE_EVENTS, _rows(usage_columns([usage("e0"), usage("e1")], PLACES))[1]),
    (USAGE_EVENTS, late_row(LATE, PLACE)),
    (LATE_USAGE, late_usage_row(LATE, PLACE)),
    (CDRS, cdr_row(cdr(), PLACE)),
    (LEDGER_ENTRIES, _rows(entry_columns(TWO_TRANSFERS, PLACES))[4]),
    (CHARGES, _rows(charge_columns(TWO_TRANSFERS, PLACES))[3]),
    (SHADOW_CHARGES, shadow_charge_rows(shadow(), PLACE)[1]),
    (DEAD_LETTERS, dead_letter_row(letter(), PLACE)),
    (INGEST_DEAD_LETTERS, ingest_dead_letter_row(letter(), TopicPlace("t", 3, 41, 99))),
]


def _named(table: Table, row: Row) -> dict[str, object]:
    return dict(zip(table.columns, row, strict=True))


@pytest.mark.parametrize(("table", "row"), CASES)
def test_row_when_made_then_has_a_cell_for_each_column_and_its_place(
    table: Table, row: Row
) -> None:
    """Columns and cells stay in step, and each row can be found again."""
    named = _named(table, row)
    assert named[table.shard_column] == 3
    assert named[table.sequence_column] == 41


@pytest.mark.parametrize(
    "table", [*dict.fromkeys(table for table, _ in CASES), SINK_RANGES], ids=lambda one: one.name
)
def test_columns_when_compared_with_the_migration_then_are_the_same(table: Table) -> None:
    """What the rows fill is what the tables have, in the same order."""
    ddl = "\n".join(file.read_text("utf-8") for file in sorted(Path(FOLDER).glob("*.sql")))
    found = re.search(rf"EXISTS {table.name} \((.*?)\n\) ENGINE", ddl, re.DOTALL)
    assert found is not None
    columns: list[str] = re.findall(r"^    (\w+) (?!.*MATERIALIZED)", found.group(1), re.MULTILINE)
    added = rf"ALTER TABLE {table.name} ADD COLUMN IF NOT EXISTS (\w+) .* AFTER (\w+)"
    for name, after in re.findall(added, ddl):
        columns.insert(columns.index(after) + 1, name)
    assert tuple(columns) == table.columns


def test_entry_rows_when_made_then_say_account_amount_and_context() -> None:
    """Each entry carries its transfer's context and its index."""
    cells = _rows(entry_columns(TWO_TRANSFERS, PLACES))
    rows = [_named(LEDGER_ENTRIES, row) for row in cells[3:]]
    assert [row["entry"] for row in rows] == [0, 1, 2]
    assert [row["balance_after_micros"] for row in rows] == [42, None, None]
    assert sum(int(str(row["amount_micros"])) for row in rows) == 0
    assert {row["session"] for row in rows} == {"s1"}


def test_shadow_rows_when_made_then_have_one_per_line_and_the_part_once() -> None:
    """Lines add up to the charge, and so do the providers' parts."""
    rows = [_named(SHADOW_CHARGES, row) for row in shadow_charge_rows(shadow(301), PLACE)]
    assert [(row["kind"], row["amount_micros"], row["line"]) for row in rows] == [
        ("time", 150, 0), ("volume", 151, 1),
    ]  # fmt: skip
    assert [row["provider_micros"] for row in rows] == [150, 0]


def test_shadow_rows_when_the_scope_lost_its_shadow_then_one_row_says_why() -> None:
    """A fault has no lines, but must be seen."""
    [row] = shadow_charge_rows(shadow(fault="BrokenInvariant: x"), PLACE)
    named = _named(SHADOW_CHARGES, row)
    assert (named["kind"], named["amount_micros"], named["line"]) == ("dropped", 0, 0)
    assert named["fault"] == "BrokenInvariant: x"


def test_letter_row_when_bytes_are_no_text_then_keeps_them_exactly() -> None:
    """Text stays readable; other bytes are kept in base64."""
    text = _named(DEAD_LETTERS, dead_letter_row(letter(body=b"{}"), PLACE))
    other = _named(DEAD_LETTERS, dead_letter_row(letter(body=b"\xff\x00"), PLACE))
    assert (text["body"], text["body_encoding"]) == ("{}", "utf-8")
    assert (other["body"], other["body_encoding"]) == ("/wA=", "base64")


def test_late_row_when_made_then_adds_nothing() -> None:
    """An event that waits for its verdict is seen, and counts for nothing."""
    row = _named(USAGE_EVENTS, late_row(LATE, PLACE))
    assert (row["outcome"], row["duration_ms"], row["meter_names"]) == ("late", 0, [])


def test_usage_columns_when_made_then_say_what_each_event_added() -> None:
    """Meters are two arrays, name by name; a repeat's are empty."""
    made = usage_columns([usage("e0"), usage("e1", outcome="duplicate")], PLACES)
    one, two = (_named(USAGE_EVENTS, row) for row in _rows(made))
    assert (one["id"], one["meter_names"], one["meter_amounts"]) == (
        "e0",
        ("bytes", "pages"),
        (10, 1),
    )
    assert (two["id"], two["meter_names"], two["meter_amounts"]) == ("e1", (), ())
    assert (one["sequence"], two["sequence"], two["outcome"]) == (40, 41, "duplicate")


def test_columns_when_there_are_no_items_then_have_no_rows() -> None:
    """A record without money, or without use, gives a table nothing."""
    nowhere = PLACES._replace(sequences=[])
    made = (usage_columns([], nowhere), entry_columns([], nowhere), charge_columns([], nowhere))
    assert [columns.height for columns in made] == [0, 0, 0]
