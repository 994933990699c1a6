"""The corpus as scenes: stretches of time, each with a fault of ours.

In one all owners lag for an hour, in one a raw partition does, in one collectors fail; owners
change in all of them. Invariant: a corpus is a function of its seed and size; a session belongs to
one scene.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from cli.ends.corpus.faults import FAULTS, OPEN, Course, our_fault
from cli.ends.corpus.labels import Kind, copies_by_session, label_of
from cli.ends.corpus.market import TENANTS, TERMS, Terms, catalogue
from cli.ends.corpus.network import Network
from cli.ends.corpus.plan import (
    BOTH,
    HANDED,
    HTTP,
    KAFKA,
    KILLED_AFTER,
    KILLED_BEFORE,
    MINUTE_MS,
    OVERLAP,
    SECOND_MS,
    Appended,
    Handover,
    HttpLife,
    Label,
    RawLife,
    Request,
    Scene,
    Window,
)
from cli.ends.corpus.senders import Names
from cli.ends.corpus.sites import Sites, ways_of

EPOCH_MS = 1_790_000_000_000
SCENE_SESSIONS = 840
SHARDS = 2
PARTITIONS = 2
HOUR_MS = 60 * MINUTE_MS
LAG = Window(8 * MINUTE_MS, 8 * MINUTE_MS + HOUR_MS)
LIFE_MS = (90 * SECOND_MS, 9 * MINUTE_MS)
BEATS_MIN = 4
# So much of an open session is played: it begins near the end of its scene.
OPEN_MS_MAX = 9 * MINUTE_MS
# A turn may be followed by a partition longer than the timeout, a restart, and then an end.
TAIL_MS = 4 * MINUTE_MS
HOWS = (HANDED, OVERLAP, KILLED_BEFORE, KILLED_AFTER)


class Stage(NamedTuple):
    """One kind of scene, its times from the scene's begin.

    Args:
        kind: Name.
        length_ms: Of it.
        sites: Collectors.
        lags: Of owners.
        strikes: Of each fault of ours, when sessions are to be alive.
    """

    kind: str
    length_ms: int
    sites: Sites
    lags: tuple[Window, ...]
    strikes: dict[str, tuple[Window, ...]]


def corpus(seed: int, sessions: int) -> Iterator[Scene]:
    """So many sessions, in scenes of each kind.

    Args:
        seed: Decides everything.
        sessions: In all; each ``SCENE_SESSIONS`` of them are a scene, and each seed begins with
            another kind.
    """
    stages = (_lagging, _backlogged, _failing)
    scenes = -(-sessions // SCENE_SESSIONS)
    for number in range(scenes):
        stage = stages[(seed + number) % len(stages)]
        chance = Random(f"{seed}/{number}")  # noqa: S311 -- repeatable, not secret
        begins_ms = EPOCH_MS + chance.randrange(30 * 24) * HOUR_MS + chance.randrange(HOUR_MS)
        count = sessions * (number + 1) // scenes - sessions * number // scenes
        name = f"seed {seed}, scene {number}"
        yield _scene(name, chance, stage(chance, begins_ms), begins_ms, count)


def _at(begins_ms: int, *minutes: float) -> list[int]:
    return [begins_ms + round(each * MINUTE_MS) for each in minutes]


def _calm(begins_ms: int, ends_ms: int) -> tuple[HttpLife, ...]:
    """One collector, which lives through the whole scene."""
    return (HttpLife("a0", begins_ms, ends_ms + SECOND_MS, leaves=True),)


def _lagging(_: Random, begins_ms: int) -> Stage:
    """Records are appended in time, and no owner reads them for an hour."""
    ends_ms = begins_ms + LAG.to_ms + 14 * MINUTE_MS
    readers = tuple(RawLife(number, (), dies=False) for number in range(PARTITIONS))
    lag = Window(begins_ms + LAG.from_ms, begins_ms + LAG.to_ms)
    return Stage(
        "owners lag",
        ends_ms - begins_ms,
        Sites(_calm(begins_ms, ends_ms), readers),
        (lag,),
        {"consumer_lag": (lag,)},
    )


def _backlogged(chance: Random, begins_ms: int) -> Stage:
    """A raw partition is not read for an hour, while all else goes on."""
    ends_ms = begins_ms + LAG.to_ms + 14 * MINUTE_MS
    lag = Window(begins_ms + LAG.from_ms, begins_ms + LAG.to_ms)
    readers = (
        RawLife(0, (lag,), dies=chance.random() < 0.5),  # noqa: PLR2004 -- even odds
        *(RawLife(number, (), dies=False) for number in range(1, PARTITIONS)),
    )
    return Stage(
        "raw topic lags",
        ends_ms - begins_ms,
        Sites(_calm(begins_ms, ends_ms), readers),
        (),
        {"consumer_lag": (lag,)},
    )


def _failing(chance: Random, begins_ms: int) -> Stage:
    """Collectors vanish, restart, cannot reach the log; once all of them are away for minutes."""
    ends_ms = begins_ms + 50 * MINUTE_MS
    over_ms = ends_ms + SECOND_MS
    vanish, back, down, up, leave, swap, short = _at(begins_ms, 8, 10, 20, 22.5, 30, 30.1, 36)
    refuse = begins_ms + 15 * MINUTE_MS + chance.randrange(MINUTE_MS)
    refusal = Window(refuse, refuse + chance.randint(8 * SECOND_MS, 40 * SECOND_MS))
    lives = (
        HttpLife("a0", begins_ms, vanish, leaves=False),
        HttpLife("a1", back, down, leaves=False),
        HttpLife("a2", up, leave, leaves=True),
        HttpLife("a3", swap, over_ms, leaves=True),
        HttpLife("b0", begins_ms + 90, down - 1_700, leaves=False, refuses=(refusal,)),
        HttpLife("b1", up + 3_300, short, leaves=False),
        HttpLife("b2", short + 4 * SECOND_MS, over_ms, leaves=True),
    )
    away = Window(begins_ms + 25 * MINUTE_MS, begins_ms + 25 * MINUTE_MS + 45 * SECOND_MS)
    readers = (
        RawLife(0, (), dies=False),
        RawLife(1, (away,), dies=True),
    )
    moments = [vanish, refusal.from_ms, down, up, leave, short, away.from_ms]
    strikes = tuple(Window(each, each + SECOND_MS) for each in moments)
    return Stage(
        "collectors fail",
        ends_ms - begins_ms,
        Sites(lives, readers),
        (),
        {"collector_outage": strikes},
    )


def _scene(name: str, chance: Random, stage: Stage, begins_ms: int, sessions: int) -> Scene:
    ends_ms = begins_ms + stage.length_ms
    handovers = _handovers(chance, begins_ms, ends_ms)
    ours = tuple(Window(each.at_ms, each.at_ms + SECOND_MS) for each in handovers)
    strikes = {**stage.strikes, "rebalance": ours}
    faults = [*FAULTS, *map(our_fault, strikes)]
    network = Network(Random(chance.random()), stage.sites, ends_ms)  # noqa: S311 -- as above
    casting = Casting(chance, stage, begins_ms, ends_ms)
    roles: list[tuple[Course, Kind]] = []
    for number in range(sessions):
        fault = faults[number % len(faults)]
        variant = fault.variants[number // len(faults) % len(fault.variants)]
        course = casting.course(number, variant, strikes.get(fault.name, ()))
        roles.append((course, Kind(fault.name, variant)))
        partition = chance.randrange(PARTITIONS)
        for said in fault.script(chance, course, variant):
            network.carry(said, partition)
    requests = sorted(network.requests, key=lambda each: each.received_ms)
    appended = sorted(network.appended, key=lambda each: each.at_ms)
    return Scene(
        name=f"{name}: {stage.kind}",
        begins_ms=begins_ms,
        ends_ms=ends_ms,
        shards=SHARDS,
        catalogue=catalogue(),
        collectors=stage.sites.collectors,
        readers=stage.sites.readers,
        requests=requests,
        appended=appended,
        lags=stage.lags,
        backlogs=tuple(
            each
            for reader in stage.sites.readers
            for each in reader.away
            if each.to_ms - each.from_ms >= HOUR_MS
        ),
        handovers=handovers,
        labels=_labels(stage.sites, ends_ms, requests, appended, roles),
    )


def _labels(
    sites: Sites,
    ends_ms: int,
    requests: Sequence[Request],
    appended: Sequence[Appended],
    roles: Sequence[tuple[Course, Kind]],
) -> list[Label]:
    """Of all sessions of which anything got through."""
    ways = ways_of(sites, (Window(each.received_ms, each.done_ms) for each in requests))
    landed = [each for each in requests if each.done_ms < ends_ms]
    copies = copies_by_session(landed, appended, sites.readers)
    return [
        label_of(course, kind, copies[course.names.session], ways)
        for course, kind in roles
        if course.names.session in copies
    ]


def _handovers(chance: Random, begins_ms: int, ends_ms: int) -> tuple[Handover, ...]:
    """One of each way, and one more, spread over the scene."""
    hows = [*HOWS, chance.choice(HOWS)]
    chance.shuffle(hows)
    part_ms = (ends_ms - begins_ms - 4 * MINUTE_MS) // len(hows)
    return tuple(
        Handover(begins_ms + 2 * MINUTE_MS + number * part_ms + chance.randrange(part_ms), how)
        for number, how in enumerate(hows)
    )


class Casting:
    """Gives each session a member, a content, a path and its times.

    Args:
        chance: Of the scene.
        stage: Where it plays.
        begins_ms: Of the scene.
        ends_ms: Of the scene.
    """

    def __init__(self, chance: Random, stage: Stage, begins_ms: int, ends_ms: int) -> None:
        self._chance = chance
        self._begins_ms = begins_ms + MINUTE_MS
        self._ends_ms = ends_ms
        self._away = stage.sites.away()

    def course(self, number: int, variant: str, strikes: Sequence[Window]) -> Course:
        """Of one session.

        Args:
            number: Of it in its scene.
            variant: Of its fault.
            strikes: When it is to be alive, once.
        """
        chance = self._chance
        terms = chance.choice(TERMS)
        begins_ms, turns_ms = self._times(terms, variant, strikes)
        path = chance.choices((HTTP, KAFKA, BOTH), (5, 4, 2))[0]
        if path == BOTH and self._is_hidden(begins_ms, terms):
            path = KAFKA
        names = Names(
            tenant=chance.choice(TENANTS),
            source=f"vod-{chance.randrange(3)}",
            subject=f"m{chance.randrange(10_000)}",
            session=f"s{number}",
            path=path,
        )
        return Course(names, terms, begins_ms, turns_ms, self._ends_ms)

    def _times(self, terms: Terms, variant: str, strikes: Sequence[Window]) -> tuple[int, int]:
        chance = self._chance
        few_ms = BEATS_MIN * terms.interval_ms
        if variant.endswith(OPEN):
            need_ms = few_ms + terms.timeout_ms + 3 * terms.interval_ms
            if strikes:
                last_ms = min(strikes[-1].to_ms, self._ends_ms - need_ms)
                begins_ms = last_ms - chance.randrange(few_ms)
            else:
                begins_ms = self._ends_ms - need_ms - chance.randrange(OPEN_MS_MAX)
            return begins_ms, begins_ms + few_ms
        life_ms = max(few_ms, chance.randint(*LIFE_MS))
        latest_ms = self._ends_ms - terms.timeout_ms - TAIL_MS
        if strikes:
            strike = chance.choice(strikes)
            moment_ms = chance.randrange(strike.from_ms, strike.to_ms)
            # It strikes during the use, or in the silence after it.
            turns_ms = moment_ms + chance.randint(-terms.timeout_ms, life_ms)
        else:
            turns_ms = chance.randrange(self._begins_ms + life_ms, latest_ms)
        turns_ms = min(max(turns_ms, self._begins_ms + life_ms), latest_ms)
        return turns_ms - life_ms, turns_ms

    def _is_hidden(self, begins_ms: int, terms: Terms) -> bool:
        """Whether a path is away when the session's first events come.

        A session waits for the paths by which the log has events of it; one by which none has come
        through yet cannot be known. So such sessions keep to one path.
        """
        before_ms = BEATS_MIN * terms.interval_ms
        return any(each.from_ms - before_ms <= begins_ms < each.to_ms for each in self._away)
