"""From the words of a tariff to its numbers, with every fault named by its path.

Invariant: what passes this file can be priced for ever without failing on the document, and says
one thing: hours and tiers have neither gap nor overlap, no two parts count the same.
It does not own references and doubled ids; ``schemas.catalogue`` has checked them.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import chain
from zoneinfo import ZoneInfo

import msgspec

from rating.clock import clock_of
from rating.compiling_caps import compile_caps
from rating.compiling_grants import compile_grants
from rating.compiling_limits import compile_limits, input_silence_ms
from rating.compiling_parts import compile_component
from rating.compiling_passes import check_passes
from rating.compiling_payers import earnings, paid_from, sponsor
from rating.compiling_week import dates
from rating.components import (
    CapTerms,
    ComponentTerms,
    CountedTerms,
    FeeTerms,
    FlatTerms,
    TimeTerms,
    Track,
    VolumeTerms,
    is_free,
    track_of,
)
from rating.hours import Hours, Week
from rating.periods import Calendar, PeriodKind
from rating.tariff import Rule, TariffTerms, TrackTerms, VersionTerms, rule_name
from rating.written import amount, named, seconds
from schemas.applied import Cause
from schemas.errors import InvalidDocument
from schemas.moment import SECOND_MS, ms_from_text
from schemas.tariff import Component, Tariff

COMPONENTS_MAX = 64
VERSIONS_MAX = 64


def compile_tariff(path: str, tariff: Tariff) -> TariffTerms:
    """A tariff as numbers, not yet bound to a zone.

    Args:
        path: Where it stands, for messages, such as ``tenants[demo].tariffs[tv]``.
        tariff: As written.

    Raises:
        InvalidDocument: A negative or unreadable price, a count that is not positive, two
            components that count the same thing, a gap or an overlap, a pass that covers nothing
            or everything there is to pay, a limit or a grant that contradicts itself.
    """
    starts, written = _versions(path, tariff)
    tracks = _tracks(written)
    caps = compile_caps(path, tariff.caps, written)
    covers = check_passes(path, written)
    silence = tariff.silence
    each = [*chain.from_iterable(written)]
    limits = compile_limits(path, tariff.limits, silence)
    timeout_ms = seconds(f"{path}.silence.timeout_s", silence.timeout_s) * SECOND_MS
    is_idle = silence.means == "idle"
    if limits is not None and limits.is_silence:
        timeout_ms, is_idle = input_silence_ms(limits, silence), True
    return TariffTerms(
        id=named(f"{path}.id", tariff.id),
        versions=_with_components(starts, tracks),
        froms=tuple(from_ms for from_ms, _ in starts),
        tracks=tracks,
        caps=caps,
        rules=rules_of(caps, tracks),
        meters=_meters(each),
        reach_ms=max((_reach_ms(part) for part in each), default=0),
        rounding=tariff.rounding,
        low_balance_micros=amount(f"{path}.low_balance", tariff.low_balance),
        timeout_ms=timeout_ms,
        silence_cause=Cause.IDLE if is_idle else Cause.NETWORK,
        pays=silence.pays,
        interval_ms=seconds(f"{path}.silence.interval_s", silence.interval_s) * SECOND_MS,
        reopens=silence.later == "reopens",
        grants=compile_grants(path, tariff.grants, _meters(each)),
        charge_errors=tariff.charge_errors,
        has_passes=any(isinstance(part, FlatTerms) and not part.is_bought for part in each),
        is_free=all(is_free(part) for part in each),
        costs_by_use=not tariff.sponsor
        and not all(is_free(part) for part in each if not isinstance(part, FlatTerms | FeeTerms)),
        finest=_finest(each, caps),
        covers=covers,
        covers_all=all(is_free(p) or track_of(p)[0] in {"flat", "fee", *covers} for p in each),
        limits=limits,
        weeks=weeks_of(tracks),
        paid_from=paid_from(path, tariff),
        sponsor=sponsor(path, tariff, written),
        earns=earnings(path, tariff),
    )


def no_tariff() -> TariffTerms:
    """The terms of a content that has no price yet: silence ends its use, nothing charges it."""
    nothing = compile_tariff("", Tariff(id="none", components=[]))
    return msgspec.structs.replace(nothing, id="")


def in_zone(tariff: TariffTerms, zone: ZoneInfo) -> TariffTerms:
    """The tariff on the clocks of a zone; the same object where no clock matters."""
    hours: dict[Week, Hours] = {}
    tracks = tuple(tuple(_on_clock(part, zone, hours) for part in track) for track in tariff.tracks)
    if tracks == tariff.tracks and tariff.finest is None:
        return tariff
    starts = [(version.from_ms, version.provider_ppm) for version in tariff.versions]
    versions = _with_components(starts, tracks)
    return msgspec.structs.replace(
        tariff,
        tracks=tracks,
        versions=versions,
        rules=tuple(
            msgspec.structs.replace(rule, calendar=Calendar(rule.kind, zone))
            for rule in tariff.rules
        ),
        calendar=None if tariff.finest is None else Calendar(tariff.finest, zone),
        clocks=tuple(clock_of(each.components, zone) for each in versions) if tariff.weeks else (),
    )


def weeks_of(tracks: Sequence[TrackTerms]) -> tuple[tuple[Week, ...], ...]:
    """Of each version, when which rates of what it counts hold; empty where none has any."""
    by_version = tuple(
        tuple(dict.fromkeys(p.week for p in parts if isinstance(p, CountedTerms) and p.week))
        for parts in zip(*tracks, strict=True)
    )
    return by_version if any(by_version) else ()


def rules_of(caps: Sequence[CapTerms], tracks: Sequence[TrackTerms]) -> tuple[Rule, ...]:
    """What counts over periods, on no calendar yet."""
    rules = [
        Rule(f"cap:{cap.period}", cap.period, cap, ()) for cap in caps if cap.period is not None
    ]
    for track in tracks:
        named = next(part for part in track if part is not None)
        if isinstance(named, VolumeTerms) and named.period is not None:
            # What a period costs is told by the names of rates, whatever their hours.
            off_clock = tuple(
                msgspec.structs.replace(p, hours=None) if isinstance(p, VolumeTerms) else p
                for p in track
            )
            rules.append(Rule(rule_name(named), named.period, None, off_clock))
    return tuple(rules)


def _with_components(
    starts: Sequence[tuple[int, int]], tracks: Sequence[TrackTerms]
) -> tuple[VersionTerms, ...]:
    return tuple(
        VersionTerms(
            from_ms, ppm, tuple(part for track in tracks if (part := track[place]) is not None)
        )
        for place, (from_ms, ppm) in enumerate(starts)
    )


def _meters(parts: Iterable[ComponentTerms]) -> frozenset[str]:
    return frozenset(part.meter for part in parts if isinstance(part, VolumeTerms))


def _reach_ms(part: ComponentTerms) -> int:
    if not isinstance(part, TimeTerms):
        return 0
    return part.free_ms + max(part.first_ms, part.next_ms)


def _on_clock(
    part: ComponentTerms | None, zone: ZoneInfo, hours: dict[Week, Hours]
) -> ComponentTerms | None:
    """A component on the clocks of a zone; equal weeks share what is kept of their days."""
    if isinstance(part, TimeTerms | CountedTerms) and part.week is not None:
        if part.week not in hours:
            hours[part.week] = Hours(part.week, zone)
        return msgspec.structs.replace(part, hours=hours[part.week])
    return part


def _versions(
    path: str, tariff: Tariff
) -> tuple[list[tuple[int, int]], tuple[tuple[ComponentTerms, ...], ...]]:
    """Moment and provider's part of each version, by rising moment, and the components of each."""
    if len(tariff.versions) >= VERSIONS_MAX:
        raise InvalidDocument(f"{path}.versions: more than {VERSIONS_MAX - 1}; drop the oldest")
    holidays = dates(f"{path}.holidays", tariff.holidays)
    starts = [(0, tariff.provider_ppm)]
    written = [_components(f"{path}.components", tariff.components, holidays)]
    for place, version in enumerate(tariff.versions):
        where = f"{path}.versions[{place}]"
        try:
            from_ms = ms_from_text(version.start)
        except ValueError as error:
            raise InvalidDocument(f"{where}.from: {error}") from error
        if from_ms <= starts[-1][0]:
            raise InvalidDocument(
                f"{where}.from: {version.start!r} is not later than the one before; order them"
            )
        starts.append((from_ms, version.provider_ppm))
        written.append(_components(f"{where}.components", version.components, holidays))
    return starts, tuple(written)


def _components(
    path: str, components: Sequence[Component], holidays: frozenset[date]
) -> tuple[ComponentTerms, ...]:
    if len(components) > COMPONENTS_MAX:
        raise InvalidDocument(f"{path}: more than {COMPONENTS_MAX}; split the tariff")
    compiled: list[ComponentTerms] = []
    seen: dict[Track, int] = {}
    for place, component in enumerate(components):
        where = f"{path}[{place}]"
        part = compile_component(where, component, holidays)
        # One meter counts over one period at a time.
        what = track_of(part)[:2]
        if what in seen:
            raise InvalidDocument(
                f"{where}: counts the same {' '.join(what).strip()} as "
                f"components[{seen[what]}]; make them one"
            )
        seen[what] = place
        compiled.append(part)
    return tuple(compiled)


def _tracks(
    written: Sequence[Sequence[ComponentTerms]],
) -> tuple[tuple[ComponentTerms | None, ...], ...]:
    by_track: dict[Track, list[ComponentTerms | None]] = {}
    for place, components in enumerate(written):
        for part in components:
            track = by_track.setdefault(track_of(part), [None] * len(written))
            track[place] = part
    return tuple(tuple(track) for track in by_track.values())


def _finest(parts: Iterable[ComponentTerms], caps: Iterable[CapTerms]) -> PeriodKind | None:
    """The shortest period that all others are made of; weeks and months are only made of days."""
    periods: set[PeriodKind] = set()
    for each in (*parts, *caps):
        if isinstance(each, VolumeTerms | CapTerms) and each.period is not None:
            periods.add(each.period)
    return next(iter(periods)) if len(periods) == 1 else "day" if periods else None
