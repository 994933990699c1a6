"""Labels: what is true of each session, by what reached a collector.

Invariant: worked out from copies that arrived, lives of collectors and the terms; nothing else.
An event that tells an earlier moment than is known says nothing new of a session's silence.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, cast

from cli.ends.corpus.faults import Course
from cli.ends.corpus.market import UNTOLD_CAUSE, UNTOLD_TIMEOUT_MS
from cli.ends.corpus.plan import SECOND_MS, Appended, Event, Label, RawLife, Request, Silence
from cli.ends.corpus.sites import Ways

FOUND_WITHIN_MS = 2 * SECOND_MS
ENDINGS = ("session.stop", "session.error")
CAUSES = {
    "member": "normal",
    "client_error": "client_error",
    "network": "network",
    "server": "server",
}


class Copy(NamedTuple):
    """One copy of an event that got through.

    Args:
        landed_ms: When the product could know it.
        received_ms: When it was taken in.
        event: A CloudEvent.
    """

    landed_ms: int
    received_ms: int
    event: Event

    @property
    def at_ms(self) -> int:
        """When it happened, by its sender's clock."""
        return moment_ms(str(self.event["time"]))

    @property
    def data(self) -> dict[str, object]:
        """What it says."""
        return cast("dict[str, object]", self.event["data"])

    @property
    def is_ending(self) -> bool:
        """Whether it says that the use is over."""
        return self.event["type"] in ENDINGS


class Kind(NamedTuple):
    """What was done to a session."""

    fault: str
    variant: str


def copies_by_session(
    requests: Iterable[Request], appended: Iterable[Appended], readers: Sequence[RawLife]
) -> dict[str, list[Copy]]:
    """What got through, by session id; of each event the copy that landed first."""
    away = {reader.partition: reader.away for reader in readers}
    copies = [Copy(each.done_ms, each.received_ms, each.event) for each in requests if each.landed]
    for raw in appended:
        read_ms = max([raw.at_ms, *(w.to_ms for w in away[raw.partition] if w.holds(raw.at_ms))])
        copies.append(Copy(read_ms, raw.at_ms, raw.event))
    first: dict[str, Copy] = {}
    for copy in sorted(copies, key=lambda each: each[:2]):
        first.setdefault(str(copy.event["id"]), copy)
    found: dict[str, list[Copy]] = {}
    for copy in first.values():
        found.setdefault(str(copy.data["session"]), []).append(copy)
    return found


def label_of(course: Course, kind: Kind, copies: Sequence[Copy], ways: Ways) -> Label:
    """The truth of one session; at least one event of it got through."""
    later = _later(copies)
    last = later[-1]
    told = [copy for copy in copies if "content" in copy.data]
    told_ms = min((copy.received_ms for copy in told), default=None)
    silences: list[Silence] = []
    for number, copy in enumerate(later):
        following = later[number + 1] if number + 1 < len(later) else None
        if not copy.is_ending:
            silences += _silence(course, copy, following, told_ms, ways)
    ending = max((c for c in copies if c.is_ending), key=lambda c: c.at_ms, default=None)
    names = course.names
    if ending is not None and ending.at_ms >= last.at_ms:
        state, cause = "stopped", _told_cause(ending)
    elif silences and silences[-1].received_ms == last.received_ms:
        state, cause = "dead", course.terms.means if told else UNTOLD_CAUSE
    else:
        state, cause = "open", ""
    return Label(
        tenant=names.tenant,
        source=names.source,
        subject=names.subject,
        session=names.session,
        fault=kind.fault,
        variant=kind.variant,
        path=names.path,
        tariff=course.terms.id,
        state=state,
        cause=cause,
        last_event_ms=last.at_ms,
        last_event=str(last.event["id"]),
        silences=tuple(silences),
    )


def _later(copies: Sequence[Copy]) -> list[Copy]:
    """Those that told a later moment than all received before them."""
    found: list[Copy] = []
    for copy in sorted(copies, key=lambda each: (each.received_ms, each.at_ms)):
        if not found or copy.at_ms > found[-1].at_ms:
            found.append(copy)
    return found


def _silence(
    course: Course, copy: Copy, following: Copy | None, told_ms: int | None, ways: Ways
) -> Iterable[Silence]:
    timeout_ms = course.terms.timeout_ms
    if told_ms is None or told_ms > copy.received_ms + UNTOLD_TIMEOUT_MS:
        timeout_ms = UNTOLD_TIMEOUT_MS
    path = course.names.path
    due_ms = ways.due_ms(path, copy.received_ms, timeout_ms)
    if due_ms >= course.ends_ms or (following and following.received_ms <= due_ms):
        return
    known_ms = ways.known_ms(path, due_ms)
    until_ms = following.received_ms if following else course.ends_ms
    yield Silence(
        last_event_ms=copy.at_ms,
        received_ms=copy.received_ms,
        due_ms=due_ms,
        known_ms=known_ms,
        is_required=known_ms + FOUND_WITHIN_MS <= until_ms,
    )


def _told_cause(ending: Copy) -> str:
    default = "client_error" if ending.event["type"] == "session.error" else "member"
    return CAUSES[str(ending.data.get("reason", default))]


def moment_ms(text: str) -> int:
    """Milliseconds of a time as the corpus writes it."""
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * SECOND_MS + moment.microsecond // 1_000
