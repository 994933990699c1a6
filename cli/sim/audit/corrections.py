"""Orders to price a session anew: what each must come to, by the words of both catalogues.

Invariant: shares nothing with ``shard.correcting``; what must stay is compared as it is written.
It does not own what a corrected life costs (``lives``, ``prices``).
"""

from collections.abc import Iterable, Mapping

from cli.sim.audit.clocked import rate_at
from cli.sim.audit.lives import Life
from cli.sim.audit.logged import Logged
from cli.sim.audit.terms import Tariff, Version, Words, announced, tariffs
from schemas.commands import Command, CorrectPrice, Result

_KEPT = ("silence", "limits", "charge_errors")


def why_not(life: Life | None, body: CorrectPrice, version: int, came_ms: Mapping[int, int]) -> str:
    """Why an order must be refused, or nothing.

    Args:
        life: The one that it names, or None where the shard has it not.
        body: Of the order.
        version: Catalogue in force.
        came_ms: When each came into force.
    """
    if life is None:
        return "session-not-kept"
    if life.version >= body.catalogue:
        return "priced-later" if life.version > body.catalogue else ""
    if not life.version or body.catalogue > version or life.tariff is None:
        return "content-unknown"
    old, new = life.tariff, tariffs(body.catalogue, life.name.tenant)[life.content]
    if body.tariff != new.id or body.tariff != old.id:
        return "other-tariff"
    if _kept(old) != _kept(new):
        return "more-than-prices"
    for was, now in ((old, new), (old.shadow, new.shadow)):
        if was is not None and now is not None:
            known = announced(was, life.version, life.name.tenant, came_ms)
            if not _is_told_apart(life, known, now):
                return "not-told-apart"
    return ""


def unkept_by(log: Iterable[Logged], results: Mapping[tuple[str, str, str], Result]) -> set[str]:
    """Corrections that the shard refused because it had let go of the session."""
    found: set[str] = set()
    for each in log:
        order = each.record
        if isinstance(order, Command) and isinstance(order.body, CorrectPrice):
            result = results.get((order.tenant, order.member, order.key))
            if result is not None and result.reason == "session-not-kept":
                found.add(order.body.correction)
    return found


def _kept(tariff: Tariff) -> list[object]:
    """All that no correction changes."""
    sold = {name: tariff.sold.get(name) for name in ("provider", "time_zone", "shadow")}
    told = [tariff.words.get(name) for name in _KEPT]
    each = (tariff,) if tariff.shadow is None else (tariff, tariff.shadow)
    return [sold, told, *([[p for p, _ in one.passes], one.covers, _scoped(one)] for one in each)]


def _scoped(tariff: Tariff) -> list[Words]:
    """What counts over calendar periods, in words."""
    volumes = [part for part in _parts(tariff) if part.get("period", "session") != "session"]
    # Whether a pass is for a day or a week is the pass's matter.
    return [*tariff.caps(of_session=False), *(p for p in volumes if p["kind"] == "volume")]


def _is_told_apart(life: Life, old: Tariff, new: Tariff) -> bool:
    """Whether the shard can know what was used on each side of each change of price."""
    used, kinds = life.use, {part["kind"] for part in _parts(new)}
    meters = {name for name, total in used.meters().items() if total} & _metered(new)
    others = ("item" in kinds and used.items()) or ("page" in kinds and used.pages())
    cuts = {each.from_ms for each in new.versions[1:]}
    within = {each for each in cuts if life.first_ms < each <= life.last_ms}
    used_in = [new.version_at(life.first_ms), *(v for v in new.versions if v.from_ms in within)]
    is_steady = all(_is_steady(life, new, version) for version in used_in)
    if (not within and is_steady) or not (meters or others):
        return True
    if not (within <= {each.from_ms for each in old.versions} and meters <= _metered(old)):
        return False
    return is_steady or all(
        _hours(new, version) <= _hours(old, old.version_at(max(version.from_ms, life.first_ms)))
        for version in used_in
    )


def _is_steady(life: Life, tariff: Tariff, version: Version) -> bool:
    """Whether no rate of what a version counts changes from a life's first moment to its last."""
    edges = [life.first_ms, *(each.event_at_ms for each in life.facts), life.last_ms]
    seconds = range(life.first_ms, life.last_ms + 1, 1_000)
    return all(
        len({rate_at(tariff, words, at_ms) for at_ms in (*edges, *seconds)}) == 1
        for words in _rated(version)
    )


def _hours(tariff: Tariff, version: Version) -> set[str]:
    """The hours of rates of what a version counts, in words."""
    holidays = sorted(tariff.words.get("holidays", ()))
    return {str([holidays, *(rate["when"] for rate in w["rates"])]) for w in _rated(version)}


def _rated(version: Version) -> list[Words]:
    return [each for each in version.components if each["kind"] != "time" and each.get("rates")]


def _metered(tariff: Tariff) -> set[str]:
    return {part["meter"] for part in _parts(tariff) if part["kind"] == "volume"}


def _parts(tariff: Tariff) -> list[Words]:
    return [part for version in tariff.versions for part in version.components]
