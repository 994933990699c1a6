"""``ncash rate``: what a file of usage costs by a tariff, without any service."""

import asyncio
import csv
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TextIO

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.screen import screen
from cli.tariffs.book import Book, ScopeRow, opened_book
from cli.tariffs.documents import TariffFile, read_raw, tariff_file
from cli.tariffs.faults import faults_of
from cli.tariffs.pricing import SIDE, Tally, price_usage
from cli.tariffs.usage_file import UsageFile
from ingest.recordings import RecordingFormat
from rating.catalogue import TenantTerms
from schemas.errors import InvalidDocument
from schemas.moment import text_from_ms
from schemas.money import text_from_amount
from shard.dry_run import DryRun

FAULTS_SHOWN = 20
SCOPES_SHOWN = 200
_COLUMNS = (
    "member", "source", "session", "incarnation", "scope", "content", "start", "end", "cause",
    "kind", "meter", "quantity", "amount_micros",
)  # fmt: skip


class Output(NamedTuple):
    """What is put out, and where.

    Args:
        as_json: Whether one object goes to standard output.
        csv_file: Gets every line, or None.
    """

    as_json: bool
    csv_file: Path | None


def rate_file(  # noqa: PLR0917 -- one command's options
    tariff: Path,
    usage: Path,
    form: RecordingFormat,
    tenant: str,
    currency: str,
    output: Output,
    *,
    skips_bad: bool,
) -> int:
    """Prices a file of usage.

    Args:
        tariff: One tariff, or a catalogue.
        usage: Plain or gzip.
        form: Its format.
        tenant: Of a catalogue whose tenants sell the same, or empty.
        currency: Of a single tariff.
        output: What to put out.
        skips_bad: Whether a line that is no event is no failure.

    Returns:
        Exit status: 1 when some of the usage could not be priced.

    Raises:
        InvalidDocument: The tariff or the usage cannot be read, or the CSV not be written.
    """
    offer = _offer(tariff, currency)
    with UsageFile(usage, form) as file, opened_book() as book:
        terms = offer.tenant_for(file.contents, tenant)
        catalogue = offer.catalogue(file.contents)
        compiled = catalogue.tenants[terms.id]
        tally = asyncio.run(_priced(DryRun([catalogue]), file, terms.id, book))
        if output.csv_file is not None:
            _write_csv(output.csv_file, book)
        summary = _summary(file, tally, book, compiled)
        if output.as_json:
            put_json(book, summary, compiled)
        else:
            _put_table(book, summary)
        _put_faults(file, tally)
        return 1 if (file.bad or tally.refused) and not skips_bad else 0


def _offer(path: Path, currency: str) -> TariffFile:
    """What the tariff's file offers; its faults in the words of ``ncash tariff check``."""
    raw = read_raw(path)
    faults = faults_of(raw, currency=currency)
    if faults:
        more = f"'ncash tariff check {path}' tells every fault"
        raise InvalidDocument(f"{path}: {faults[0]} ({more})")
    return tariff_file(raw, currency=currency)


def _write_csv(path: Path, book: Book) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as out:
            _put_csv(out, book)
    except OSError as error:
        raise InvalidDocument(f"--csv {path}: {error.strerror}") from error


async def _priced(run: DryRun, file: UsageFile, tenant: str, book: Book) -> Tally:
    await run.open()
    return await price_usage(run, file.in_order(tenant), tenant, book)


def _summary(file: UsageFile, tally: Tally, book: Book, terms: TenantTerms) -> dict[str, object]:
    total = sessions = charged = 0
    for row in book.scopes():
        total += row.total_micros(SIDE)
        sessions += bool(row.told.key.session)
        charged += bool(row.lines)
    return {
        "tenant": terms.id,
        "currency": terms.currency,
        "events": file.events,
        "applied": tally.applied,
        "duplicates": tally.duplicates,
        "bad_lines": len(file.bad),
        "refused": len(tally.refused),
        "sessions": sessions,
        "charged": charged,
        "provider_micros": tally.provider_micros,
        "total": text_from_amount(total),
        "total_micros": total,
    }


def charge_of(row: ScopeRow, terms: TenantTerms) -> dict[str, object]:
    """A scope as JSON has it."""
    told, amount = row.told, row.total_micros(SIDE)
    content = terms.content(told.content)
    return {
        **told.key._asdict(),
        "content": told.content,
        "provider": "" if content is None else content.provider,
        "start": text_from_ms(told.start_ms),
        "end": text_from_ms(told.end_ms),
        "cause": told.cause,
        "lines": [
            {
                "kind": line.kind,
                "meter": line.meter,
                "quantity": line.quantity,
                "amount_micros": line.amount_micros,
            }
            for line in row.lines
        ],
        "amount": text_from_amount(amount),
        "amount_micros": amount,
    }


def put_json(book: Book, summary: Mapping[str, object], terms: TenantTerms) -> None:
    """One object as the last line, written scope by scope."""
    out = sys.stdout.buffer
    out.write(b'{"charges":[')
    for number, row in enumerate(book.scopes()):
        out.write(b"," if number else b"")
        out.write(msgspec.json.encode(charge_of(row, terms)))
    out.write(b"]," + msgspec.json.encode(summary)[1:] + b"\n")
    out.flush()


def _put_csv(out: TextIO, book: Book) -> None:
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for row in book.scopes():
        told = row.told
        start, end = text_from_ms(told.start_ms), text_from_ms(told.end_ms)
        names = (*told.key, told.content, start, end, told.cause)
        writer.writerows([(*names, *line[1:]) for line in row.lines] or [(*names, "", "", 0, 0)])


def _put_table(book: Book, summary: Mapping[str, object]) -> None:
    table = Table("member", "session or use", "content", "line", "quantity", "amount")
    for column in table.columns[-2:]:
        column.justify = "right"
    for cells in _cells(islice(book.scopes(), SCOPES_SHOWN)):
        # As plain text: an id may look like markup.
        table.add_row(*map(Text, cells))
    # As a file a table is as wide as its cells; a terminal folds it.
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    scopes = sum(1 for _ in book.scopes())
    if scopes > SCOPES_SHOWN:
        console.print(f"and {scopes - SCOPES_SHOWN} more: --json or --csv has all of them")
    console.print(
        f"total {summary['total']} {summary['currency']} ({summary['total_micros']} micro-units) "
        f"for {summary['applied']} events, {summary['sessions']} sessions",
        highlight=False,
        soft_wrap=True,
    )


def _cells(rows: Iterable[ScopeRow]) -> Iterator[tuple[str, ...]]:
    for row in rows:
        told = row.told
        name = told.key.session or told.key.scope
        if told.key.incarnation > 1:
            name += f" #{told.key.incarnation}"
        amount = text_from_amount(row.total_micros(SIDE))
        yield told.key.member, name, told.content, told.cause or "", "", amount
        for line in row.lines:
            yield (
                "", "", "", f"{line.kind} {line.meter}", f"{line.quantity:,}",
                text_from_amount(line.amount_micros),
            )  # fmt: skip


def _put_faults(file: UsageFile, tally: Tally) -> None:
    faults = [(bad.number, bad.fault) for bad in file.bad]
    faults += [(each.line, f"{each.reason}: {each.detail}") for each in tally.refused]
    console = screen()
    for line, fault in sorted(faults)[:FAULTS_SHOWN]:
        console.print(f"line {line}: {fault}", style="yellow", markup=False)
    if faults:
        console.print(f"{len(faults)} lines of {file.events + len(file.bad)} were not priced")
