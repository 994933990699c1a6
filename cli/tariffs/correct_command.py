"""``ncash tariff correct``: what a wrong price took, priced anew; rehearsed first, then done."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import NamedTuple

from cli.screen import put_json, screen, won
from cli.tariffs.corrections import (
    LOOKS_MAX,
    Ended,
    Wanted,
    again,
    life_of,
    orders,
    rehearsed,
    sent,
)
from cli.tariffs.versions import published
from runtime.settings import Settings
from schemas.catalogue import document_from_json
from schemas.commands import Command, Outcome
from schemas.errors import InvalidDocument
from shard.correcting import LOOK_AGAIN
from warehouse.corrections import Outside, Use, outside_sessions
from warehouse.opening import open_warehouse
from warehouse.port import Reader

NAME_CHARS_MAX = 64
SHOWN_MAX = 20


class Asked(NamedTuple):
    """What somebody asks for.

    Args:
        tenant: Whose.
        tariff: That was wrong.
        from_ms: Beginning of the period in which it was, inclusive, event time.
        to_ms: Its end, exclusive.
        name: Of the correction.
        reason: For the members' entries.
        is_real: Whether it is done, or only rehearsed.
    """

    tenant: str
    tariff: str
    from_ms: int
    to_ms: int
    name: str
    reason: str
    is_real: bool


class Report(NamedTuple):
    """What came of it.

    Args:
        wanted: What was asked, and by which catalogue.
        rehearsal: What each session would come to, as of before.
        done: What each did come to; empty where it was only rehearsed.
        outside: Use that no session has, which is left as it is.
    """

    wanted: Wanted
    rehearsal: list[Ended]
    done: list[Ended]
    outside: Outside

    @property
    def ended(self) -> list[Ended]:
        """What is told of: what was done, else what would be."""
        return self.done or self.rehearsal


def correct_tariff(settings: Settings, asked: Asked, *, as_json: bool) -> int:
    """Prices anew what a tariff charged in a period, by the catalogue in force.

    Args:
        settings: Where everything is.
        asked: What is asked.
        as_json: Whether one object goes to standard output.

    Returns:
        Exit status: 1 when any session is left as it was for a reason that a person must look at.

    Raises:
        NcashError: There is no such tariff, or a service cannot be reached.
    """
    with closing(open_warehouse(settings.clickhouse)) as reader:
        report = corrected(reader, settings, asked)
    _put(report)
    if as_json:
        put_json(_document(report))
    return 1 if _refused(report.ended) else 0


def corrected(reader: Reader, settings: Settings, asked: Asked) -> Report:
    """The report itself."""
    wanted = _wanted(settings, asked)
    commands = orders(reader, settings, wanted)
    rehearsal = asyncio.run(rehearsed(settings, commands))
    outside = outside_sessions(reader, asked.tenant, asked.tariff, asked.from_ms, asked.to_ms)
    done = _done(reader, settings, wanted, commands) if asked.is_real else []
    return Report(wanted, rehearsal, done, outside)


def _done(
    reader: Reader, settings: Settings, wanted: Wanted, commands: Sequence[Command]
) -> list[Ended]:
    """Sends the orders, anew for those whose session changed since it was looked up."""
    found = asyncio.run(sent(settings, commands))
    for look in range(2, LOOKS_MAX + 1):
        early = {each.life for each in found if each.reason == LOOK_AGAIN}
        if not early:
            break
        more = [each for each in orders(reader, settings, wanted) if life_of(each) in early]
        found = [each for each in found if each.life not in early]
        found += asyncio.run(sent(settings, again(more, look)))
    return found


def _wanted(settings: Settings, asked: Asked) -> Wanted:
    bodies = published(settings)
    if not bodies:
        raise InvalidDocument("no catalogue is in force; publish the right one first")
    number, document = len(bodies), document_from_json(bodies[-1])
    tenant = next((each for each in document.tenants if each.id == asked.tenant), None)
    if tenant is None:
        known = ", ".join(each.id for each in document.tenants)
        raise InvalidDocument(f"--tenant: no tenant {asked.tenant!r}; there are {known}")
    contents = [each.id for each in tenant.contents if each.tariff == asked.tariff]
    if not contents:
        known = ", ".join(each.id for each in tenant.tariffs)
        raise InvalidDocument(
            f"--tariff: no content has tariff {asked.tariff!r} in catalogue {number}; its tariffs "
            f"are {known}"
        )
    use = Use(asked.tenant, contents, asked.from_ms, asked.to_ms)
    return Wanted(asked.name, asked.reason, asked.tariff, number, use)


def _refused(ended: Iterable[Ended]) -> list[Ended]:
    return [each for each in ended if each.outcome in {Outcome.REFUSED, Outcome.EXPIRED}]


def _put(report: Report) -> None:
    console, wanted = screen(), report.wanted
    outcomes = Counter(each.outcome for each in report.ended)
    back = sum(each.moved_micros for each in report.rehearsal)
    said = "was done" if report.done else "would be done; add --yes to do it"
    console.print(
        f"correction {wanted.name}: tariff {wanted.tariff} by catalogue {wanted.catalogue}, {said}",
        markup=False,
    )
    console.print(
        f"{len(report.ended)} sessions: {outcomes[Outcome.POSTED]} corrected, "
        f"{outcomes[Outcome.DONE]} unchanged, {len(_refused(report.ended))} left"
    )
    console.print(f"members get {won(back)} back, of what no earlier run gave them")
    for provider, more in sorted(_providers(report.rehearsal).items()):
        console.print(f"  provider {provider}: {won(more)}", markup=False)
    refused = _refused(report.ended)
    for each in refused[:SHOWN_MAX]:
        life = each.life
        console.print(
            f"  left: {life.member} {life.source} {life.session} #{life.incarnation}: "
            f"{each.reason}: {each.detail}",
            style="red", markup=False, soft_wrap=True,
        )  # fmt: skip
    if len(refused) > SHOWN_MAX:
        console.print(f"  … and {len(refused) - SHOWN_MAX} more; --json has them all")
    if report.outside.transfers:
        console.print(
            f"left as it is: {report.outside.transfers} charges outside sessions and for passes, "
            f"{won(report.outside.amount_micros)}"
        )


def _providers(ended: Iterable[Ended]) -> Counter[str]:
    found: Counter[str] = Counter()
    for each in ended:
        for provider, more in each.providers:
            found[provider] += more
    return found


def _document(report: Report) -> dict[str, object]:
    outcomes = Counter(each.outcome for each in report.ended)
    by_member: Counter[str] = Counter()
    by_content: Counter[str] = Counter()
    for each in report.rehearsal:
        by_member[each.life.member] += each.moved_micros
        by_content[each.content] += each.moved_micros
    return {
        "correction": report.wanted.name,
        "tariff": report.wanted.tariff,
        "catalogue": report.wanted.catalogue,
        "done": bool(report.done),
        "sessions": len(report.ended),
        "posted": outcomes[Outcome.POSTED],
        "unchanged": outcomes[Outcome.DONE],
        "back_micros": sum(each.moved_micros for each in report.rehearsal),
        "by_member_micros": {name: back for name, back in sorted(by_member.items()) if back},
        "by_content_micros": {name: back for name, back in sorted(by_content.items()) if back},
        "by_provider_micros": dict(sorted(_providers(report.rehearsal).items())),
        "left": [
            {
                "subject": each.life.member,
                "source": each.life.source,
                "session": each.life.session,
                "incarnation": each.life.incarnation,
                "reason": each.reason,
                "detail": each.detail,
            }
            for each in _refused(report.ended)
        ],
        "outside_sessions": report.outside._asdict(),
    }
