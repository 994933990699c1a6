"""``ncash tariff replay``: a stored period by another tariff, and whether the ledger is right."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from cli.screen import put_json
from cli.tariffs.book import NEW, OLD, opened_book
from cli.tariffs.comparing import compare, price_changes
from cli.tariffs.documents import is_catalogue, read_raw
from cli.tariffs.replaying import Ran, Replay
from cli.tariffs.reporting import Report, document_of, put_report
from cli.tariffs.versions import replayable, tenant_of, versions_in_force, with_tariff
from runtime.settings import Settings
from schemas.errors import InvalidDocument
from warehouse.opening import open_warehouse
from warehouse.period import Period
from warehouse.port import Reader


class Wanted(NamedTuple):
    """What is replayed.

    Args:
        period: Tenant and time.
        tariff: Takes the place of the tenant's tariff of its id, or None.
        catalogue: Takes the place of the whole catalogue, or None.
        in_force: Production's catalogue versions in order; empty: they are read from Kafka.
        top: Scopes and groups that are told of.
    """

    period: Period
    tariff: Path | None = None
    catalogue: Path | None = None
    in_force: tuple[Path, ...] = ()
    top: int = 20


def replay_tariff(settings: Settings, wanted: Wanted, *, as_json: bool) -> int:
    """Replays a stored period and tells what came of it.

    Args:
        settings: Where the warehouse and Kafka are.
        wanted: What is asked.
        as_json: Whether one object goes to standard output.

    Returns:
        Exit status: 1 when the ledger charged anything otherwise than production's terms do.

    Raises:
        NcashError: A file is no catalogue or tariff, or a service cannot be reached.
    """
    with closing(open_warehouse(settings.clickhouse)) as reader:
        report = replayed(reader, settings, wanted)
    if as_json:
        put_json(document_of(report))
    else:
        put_report(report)
    return 0 if report.is_exact else 1


def replayed(reader: Reader, settings: Settings, wanted: Wanted) -> Report:
    """The report itself; the warehouse is asked, and nothing is changed anywhere."""
    tenant = wanted.period.tenant
    raws = [read_raw(file) for file in wanted.in_force] or versions_in_force(settings)
    raws = _since(raws, tenant)
    production = [replayable(raw, tenant) for raw in raws]
    others = _others(raws, wanted)
    other = None if others is None else [replayable(raw, tenant) for raw in others]
    with opened_book() as book:
        replay = Replay(wanted.period, production, other, book)
        ran: Ran = asyncio.run(replay.run(reader))
        old = production[-1].tenants[tenant]

        def provider_of(content: str) -> str:
            terms = old.content(content)
            return "" if terms is None else terms.provider

        found = compare(book.scopes(), provider_of, wanted.top, has_new=other is not None)
    newest = raws[-1] if others is None else others[-1]
    return Report(
        period=wanted.period,
        currency=old.currency,
        comparison=found,
        prices=price_changes(
            sorted(found.by["content"]), tenant_of(raws[-1], tenant), tenant_of(newest, tenant)
        ),
        events=ran.events,
        unpriced_old=ran.unpriced[OLD],
        unpriced_new=ran.unpriced[NEW],
        examples=ran.examples,
        top=wanted.top,
        has_new=other is not None,
    )


def _since(raws: list[dict[str, Any]], tenant: str) -> list[dict[str, Any]]:
    """Every version, those before the tenant's first as that one: nothing was priced by them."""
    has = [any(each.get("id") == tenant for each in raw.get("tenants", [])) for raw in raws]
    if True not in has:
        raise InvalidDocument(f"no catalogue that was in force names tenant {tenant!r}")
    first = has.index(True)
    return [raws[first]] * first + raws[first:]


def _others(raws: list[dict[str, Any]], wanted: Wanted) -> list[dict[str, Any]] | None:
    if wanted.tariff is not None:
        return with_tariff(raws, wanted.period.tenant, wanted.tariff)
    if wanted.catalogue is None:
        return None
    raw = read_raw(wanted.catalogue)
    if not is_catalogue(raw):
        raise InvalidDocument(f"{wanted.catalogue}: no catalogue; name one tariff by --tariff")
    return [raw]
