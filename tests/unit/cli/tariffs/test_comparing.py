"""Comparing a book's sides: sums by who and what, reasons by line, what is told of it."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cli.tariffs.book import LEDGER, NEW, OLD, Book, Key, Line, Told, opened_book
from cli.tariffs.comparing import Comparison, WhyKey, compare
from cli.tariffs.replaying import Unpriced
from cli.tariffs.reporting import Report, document_of, put_report
from cli.tariffs.versions import replayable, tenant_of, with_tariff
from schemas.errors import InvalidDocument
from tests.support.bench_shard import CATALOGUE
from warehouse.period import Period

# member, session, content, then lines: side, kind, meter, quantity, amount.
USE: list[tuple[str, str, str, list[tuple[int, str, str, int, int]]]] = [
    ("ann", "same", "film", [(s, "time", "ms", 10, 5) for s in (LEDGER, OLD, NEW)]),
    (
        "ann",
        "dearer",
        "film",
        [(LEDGER, "time", "ms", 10, 5), (OLD, "time", "ms", 10, 5), (NEW, "time", "ms", 10, 9)],
    ),
    (
        "ben",
        "longer",
        "film",
        [(LEDGER, "time", "ms", 10, 5), (OLD, "time", "ms", 10, 5), (NEW, "time", "ms", 60, 30)],
    ),
    ("ben", "[bold]free", "song", [(NEW, "item", "map", 1, 7)]),
    ("cho", "wrong", "song", [(LEDGER, "page", "jump", 3, 8), (OLD, "page", "jump", 3, 6)]),
    ("cho", "nothing", "song", []),
]


@pytest.fixture
def book() -> Iterator[Book]:
    """A book with one of each."""
    with opened_book() as made:
        for member, session, content, lines in USE:
            key = Key(member, "vod", session, 1, "session")
            told = Told(key, content, 1, 2, cause="normal")
            # As a ledger has it: in two parts.
            halves = [(s, k, m, q // 2, a // 2) for s, k, m, q, a in lines]
            rests = [(s, k, m, q - q // 2, a - a // 2) for s, k, m, q, a in lines]
            for part in (halves, rests):
                made.put([told], [Line(key, *line) for line in part])
        yield made


def _compared(book: Book, *, has_new: bool = True, top: int = 2) -> Comparison:
    return compare(book.scopes(), "of {}".format, top, has_new=has_new)


def test_comparison_when_summed_then_every_grouping_has_the_same_sum(book: Book) -> None:
    """By member, content, provider and kind: old, new and the ledger's."""
    found = _compared(book)
    revenue = found.revenue
    assert (revenue.ledger_micros, revenue.old_micros, revenue.new_micros) == (23, 21, 51)
    for groups in found.by.values():
        assert sum(each.new_micros for each in groups.values()) == 51
        assert sum(each.old_micros for each in groups.values()) == 21
    members = {name: each.difference_micros for name, each in found.by["member"].items()}
    assert members == {"ann": 4, "ben": 32, "cho": -6}
    assert found.scopes == len(USE)


def test_comparison_when_lines_changed_then_says_why(book: Book) -> None:
    """The same units at another price, other units, charged only by one of the two."""
    found = _compared(book)
    assert {key: (why.scopes, why.money.difference_micros) for key, why in found.why.items()} == {
        WhyKey("film", "time", "ms", "price"): (1, 4),
        WhyKey("film", "time", "ms", "units"): (1, 25),
        WhyKey("song", "item", "map", "only_new"): (1, 7),
        WhyKey("song", "page", "jump", "only_old"): (1, -6),
    }


def test_comparison_when_the_ledger_differs_then_the_scope_is_named(book: Book) -> None:
    """Whatever the new price is, the old one is held against the ledger."""
    found = _compared(book)
    assert [row.told.key.session for row in found.mismatched] == ["wrong"]
    assert found.mismatches == 1


def test_comparison_when_differences_are_ranked_then_only_the_largest_are_kept(book: Book) -> None:
    """As many as asked, the largest first."""
    names = [row.told.key.session for row in _compared(book).top]
    assert names == ["longer", "[bold]free"]


def test_comparison_when_there_is_no_new_price_then_nothing_changed(book: Book) -> None:
    """Only the ledger is checked."""
    found = _compared(book, has_new=False)
    assert (found.revenue.difference_micros, found.why, found.top) == (0, {}, [])
    assert found.mismatches == 1


@pytest.mark.parametrize("has_new", [True, False])
def test_report_when_put_then_people_and_programs_read_the_same(
    book: Book, capsys: pytest.CaptureFixture[str], *, has_new: bool
) -> None:
    """Tables with the same sums as the object; names are shown as they are, markup or not."""
    report = Report(
        period=Period(tenant="tv", from_ms=0, to_ms=1_000),
        currency="KRW",
        comparison=_compared(book, has_new=has_new),
        prices=[],
        events=9,
        unpriced_old=0,
        unpriced_new=1,
        examples=[Unpriced(NEW, "e7", "content-unknown", "not sold")],
        top=5,
        has_new=has_new,
    )
    put_report(report)
    said = capsys.readouterr().out
    assert "1 scopes differ" in said
    assert "e7: content-unknown" in said
    assert ("[bold]free" in said) == has_new
    document = document_of(report)
    assert msgspec.json.decode(msgspec.json.encode(document)) == document
    assert document["mismatches"] == 1
    assert not report.is_exact


def test_tariff_when_it_replaces_one_then_every_version_that_has_it_changes(tmp_path: Path) -> None:
    """The version before it was sold stays as it is; contents have zones of their own."""
    file = tmp_path / "pages.json"
    file.write_bytes(b'{"id": "pages", "components": [], "time_zone": "UTC"}')
    before = {"tenants": [{**CATALOGUE["tenants"][0], "tariffs": [], "contents": []}]}
    first, second = with_tariff([before, CATALOGUE], "tv", file)
    assert first == before
    changed = {each["id"]: each for each in tenant_of(second, "tv")["tariffs"]}
    assert changed["pages"] == {"id": "pages", "components": []}
    assert changed["second"] == CATALOGUE["tenants"][0]["tariffs"][0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"id": "none", "components": []}', "has no tariff 'none'; it has second, bytes"),
        ('{"tenants": []}', "name it by --catalogue"),
        ("[]", "no JSON object"),
    ],
)
def test_tariff_when_it_cannot_replace_one_then_says_so(
    tmp_path: Path, content: str, said: str
) -> None:
    """The file is named, and what the tenant has."""
    file = tmp_path / "other.json"
    file.write_text(content)
    with pytest.raises(InvalidDocument, match=said):
        with_tariff([CATALOGUE], "tv", file)


def test_catalogue_when_it_is_replayed_then_lives_go_on_and_all_may_use_it() -> None:
    """Only what recorded use has decided already is taken out."""
    tenant = {**CATALOGUE["tenants"][0], "membership": "registered"}
    terms = replayable({"tenants": [tenant]}, "tv").tenants["tv"]
    again = terms.contents["again"].tariff
    assert (again.reopens, again.pays, again.timeout_ms) == (True, "half_interval", 10_000)
    assert (terms.members, terms.remember_all) == (None, False)
