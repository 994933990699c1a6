"""How well the ends that the product found are those that the labels ask for.

Invariant: an end that silence decided is right only for the last event that the label names, and
not before its timeout was over; whatever else was ended is a false alarm, even if taken back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cli.ends.corpus.plan import HTTP, MINUTE_MS, SECOND_MS, Label, Scene, Silence
from cli.ends.found import End, Findings

FOUND_WITHIN_MS = 2 * SECOND_MS
# Two requests in one millisecond are stamped apart.
EARLY_MS_MAX = 5
# A record that waited longer than this was read by an owner that lagged.
LAG_MS = MINUTE_MS


@dataclass(slots=True)
class Row:
    """Sessions of one fault.

    Args:
        sessions: All of them.
        stopped: Ended by something said.
        goes_on: Not ended.
        silences: Silences that had to be found.
        found: So many were.
        late: Of them, later than the target.
        missed: And those that were not.
        by_lag: Healthy use ended because of our lag.
        otherwise: Healthy use ended for any other reason.
        right: Sessions whose state, cause and last event are as labelled at the end.
    """

    sessions: int = 0
    stopped: int = 0
    goes_on: int = 0
    silences: int = 0
    found: int = 0
    late: int = 0
    missed: int = 0
    by_lag: int = 0
    otherwise: int = 0
    right: int = 0

    def add(self, other: "Row") -> None:
        """Takes another one's numbers in."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class Score:
    """Of any number of scenes.

    Args:
        rows: By fault, in the order of the corpus.
        delays_ms: From when ticks could tell to what the deciding tick told.
        stamp_delays_ms: The same to when the deciding record was appended.
        scenes: How many.
        handovers: How often a shard got another owner.
        faults: What is wrong, in words; a few of many.
    """

    rows: dict[str, Row] = field(default_factory=dict[str, Row])
    delays_ms: list[int] = field(default_factory=list[int])
    stamp_delays_ms: list[int] = field(default_factory=list[int])
    scenes: int = 0
    handovers: int = 0
    faults: list[str] = field(default_factory=list[str])

    def add(self, other: "Score") -> None:
        """Takes another one's scenes in."""
        for fault, row in other.rows.items():
            self.rows.setdefault(fault, Row()).add(row)
        self.delays_ms += other.delays_ms
        self.stamp_delays_ms += other.stamp_delays_ms
        self.scenes += other.scenes
        self.handovers += other.handovers
        self.faults += other.faults

    @property
    def all(self) -> Row:
        """Over all faults."""
        total = Row()
        for row in self.rows.values():
            total.add(row)
        return total

    @property
    def is_met(self) -> bool:
        """Whether nothing healthy was ended, all dead were found in time, all is as labelled."""
        total = self.all
        wrong = total.by_lag + total.otherwise + total.missed + total.late
        return not wrong and total.right == total.sessions


def score_of(scene: Scene, found: Findings) -> Score:
    """Compares a scene's labels with what the product made of it."""
    score = Score(scenes=1, handovers=found.handovers)
    for label in scene.labels:
        key = (label.tenant, label.source, label.subject, label.session)
        marking = _Marking(scene, label, score)
        marking.mark(found.ends.get(key, []), goes_on=key in found.goes_on)
    return score


class _Marking:
    """The marks of one session."""

    def __init__(self, scene: Scene, label: Label, score: Score) -> None:
        self._scene = scene
        self._label = label
        self._score = score
        self._row = score.rows.setdefault(label.fault, Row())

    def mark(self, ends: Sequence[End], *, goes_on: bool) -> None:
        """Adds it to the score."""
        label, row = self._label, self._row
        row.sessions += 1
        row.stopped += label.state == "stopped"
        row.goes_on += label.state == "open"
        unexplained = [end for end in ends if end.is_silent]
        for silence in label.silences:
            end = next((each for each in unexplained if _fits(each, silence)), None)
            if end is not None:
                unexplained.remove(end)
                self._found(silence, end)
            elif silence.is_required:
                row.silences += 1
                row.missed += 1
                self._complain(f"silence due at {silence.due_ms} was not found")
        for end in unexplained:
            self._false_alarm(end)
        if self._is_right(ends, goes_on=goes_on):
            row.right += 1
        else:
            last = ends[-1] if ends else None
            self._complain(f"goes on: {goes_on}, last end: {last}; label: {label}")

    def _found(self, silence: Silence, end: End) -> None:
        if not silence.is_required:
            return
        self._row.silences += 1
        self._row.found += 1
        delay_ms = max(0, end.told_ms - silence.known_ms)
        self._score.delays_ms.append(delay_ms)
        self._score.stamp_delays_ms.append(max(0, end.stamp_ms - silence.known_ms))
        if delay_ms > FOUND_WITHIN_MS:
            self._row.late += 1
            self._complain(f"found {delay_ms} ms after it could be known: {silence}, {end}")

    def _false_alarm(self, end: End) -> None:
        is_lag = self._is_by_lag(end)
        self._row.by_lag += is_lag
        self._row.otherwise += not is_lag
        self._complain(f"healthy use was ended{' by lag' if is_lag else ''}: {end}")

    def _is_by_lag(self, end: End) -> bool:
        if end.published_ms - end.stamp_ms > LAG_MS:
            return True
        return self._label.path != HTTP and any(
            backlog.from_ms <= end.stamp_ms <= backlog.to_ms + LAG_MS
            for backlog in self._scene.backlogs
        )

    def _is_right(self, ends: Sequence[End], *, goes_on: bool) -> bool:
        label = self._label
        if label.state == "open":
            return goes_on
        if goes_on or not ends:
            return False
        life = max(end.incarnation for end in ends)
        last = [end for end in ends if end.incarnation == life][-1]
        said = (last.is_silent, last.cause, last.last_event_ms)
        return said == (label.state == "dead", label.cause, label.last_event_ms)

    def _complain(self, what: str) -> None:
        label = self._label
        name = f"{self._scene.name}: {label.session} ({label.fault}: {label.variant}, {label.path})"
        self._score.faults.append(f"{name}: {what}")


def _fits(end: End, silence: Silence) -> bool:
    is_early = end.told_ms < silence.due_ms - EARLY_MS_MAX
    return end.last_event_ms == silence.last_event_ms and not is_early
