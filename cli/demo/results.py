"""What the demo found, read back from the warehouse and said in words.

Invariant: no figure here is counted by the sender; all come from what was stored.
"""

from typing import Any, Literal, NamedTuple

from rich.console import Console
from rich.table import Table

from cli.demo.api_client import ApiClient
from cli.demo.live_act import MEMBER
from cli.screen import won
from schemas.applied import ABNORMAL
from schemas.moment import SECOND_MS
from warehouse.audit import Totals, totals
from warehouse.port import Reader
from warehouse.statistics import UsageFigures, usage_statistics

CURRENCY = "KRW"
FOREVER_MS = 2**53
HOURS_SHOWN = 6
ENTRIES_SHOWN = 8
_CAUSES = {
    "charge": "for",
    "correction": "corrected:",
    "top_up": "topped up",
    "pass": "pass for",
}


class Figures(NamedTuple):
    """The recordings' figures over their tenants.

    Args:
        sessions: By cause of end.
        charged_micros: All charges.
        entries: Ledger entries.
        duplicates: Repeats received and ignored.
        provider_micros: What each provider is owed.
    """

    sessions: dict[str, int]
    charged_micros: int
    entries: int
    duplicates: int
    provider_micros: dict[str, int]

    @property
    def abnormal(self) -> int:
        """Sessions that ended abnormally; a member's silence is not abnormal."""
        return sum(self.sessions.get(cause.value, 0) for cause in ABNORMAL)


def figures_of(warehouse: Reader, tenants: list[str]) -> Figures:
    """Sums over tenants."""
    each = [totals(warehouse, tenant) for tenant in tenants]
    return Figures(
        sessions=_added([one.sessions for one in each]),
        charged_micros=sum(one.charged_micros.get(CURRENCY, 0) for one in each),
        entries=sum(one.entries for one in each),
        duplicates=sum(one.duplicates for one in each),
        provider_micros=_added([_by_provider(one) for one in each]),
    )


def show_statement(console: Console, api: ApiClient) -> None:
    """A member's statement, entry by entry, in words."""
    console.print(f"\n[bold]{MEMBER}'s statement[/]")
    page = api.get(f"/v1/wallets/{MEMBER}/entries", limit=ENTRIES_SHOWN)
    for entry in reversed(page["entries"]):
        console.print(f"  {statement_line(entry)}")


def statement_line(entry: dict[str, Any]) -> str:
    """One transfer of a member in words.

    Args:
        entry: As ``GET /v1/wallets/{member}/entries`` has it.
    """
    at = entry["posted_at"][11:19]
    words = " + ".join(_line_words(line) for line in entry["lines"])
    if entry["corrects"]:
        words += f" (corrects entry {entry['corrects']})"
    what = f"{_CAUSES[entry['cause']]} {words}".rstrip()
    after = int(entry["entries"][-1]["balance_after_micros"])
    return (
        f"{at}  {entry['id']:>6}  {won(int(entry['amount_micros'])):>12}  "
        f"balance {won(after):>10}  {what}"
    )


def show_usage(console: Console, warehouse: Reader, tenants: list[str]) -> None:
    """Use by content, and the busiest hours."""
    table = Table("content", "events", "metered", "charged", title="\nUsage by content")
    hours: list[tuple[int, str, int]] = []
    for tenant in tenants:
        for row in _asked(warehouse, tenant, "content"):
            meters = ", ".join(f"{n:,} {name}" for name, n in row.meters.items() if n)
            table.add_row(row.keys[0], f"{row.usages:,}", meters, won(row.total_micros(CURRENCY)))
        hours.extend(
            (row.total_micros(CURRENCY), f"{tenant} {row.keys[0][:13]}h", row.usages)
            for row in _asked(warehouse, tenant, "hour")
        )
    console.print(table)
    busiest = Table("hour (UTC)", "events", "charged", title="Busiest hours")
    for charged, hour, events in sorted(hours, reverse=True)[:HOURS_SHOWN]:
        busiest.add_row(hour, f"{events:,}", won(charged))
    console.print(busiest)


def _asked(warehouse: Reader, tenant: str, by: Literal["content", "hour"]) -> list[UsageFigures]:
    return usage_statistics(warehouse, tenant=tenant, from_ms=0, to_ms=FOREVER_MS, by=[by])


def show_figures(console: Console, figures: Figures) -> None:
    """How sessions ended, and the providers' share."""
    ends = Table("cause", "sessions", title="How sessions ended")
    for cause, count in sorted(figures.sessions.items()):
        ends.add_row(cause, f"{count:,}")
    console.print(ends)
    shares = Table("provider", "is owed", title="The providers' share")
    for provider, owed in sorted(figures.provider_micros.items()):
        shares.add_row(provider, won(owed))
    console.print(shares)
    console.print(f"  charged in all: [bold]{won(figures.charged_micros)}[/]")


def _line_words(line: dict[str, object]) -> str:
    quantity = int(str(line["quantity"]))
    match line["kind"]:
        case "time":
            return f"{quantity / SECOND_MS:g} s"
        case "flat":
            return f"a pass for {line['meter']}"
        case _:
            return f"{quantity:,} {line['meter']}"


def _by_provider(one: Totals) -> dict[str, int]:
    shares = one.provider_micros.items()
    return {provider: owed for (provider, currency), owed in shares if currency == CURRENCY}


def _added(parts: list[dict[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for part in parts:
        for name, count in part.items():
            sums[name] = sums.get(name, 0) + count
    return dict(sorted(sums.items()))
