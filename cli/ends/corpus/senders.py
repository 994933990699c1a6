"""What content servers would say of one session, before any network, and by which clock.

Invariant: a script is in true time; the sender's clock only shows in what its events say. It does
not own what arrives (``network``) nor what that means (``labels``).
"""

from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import NamedTuple

from cli.ends.corpus.market import Terms
from cli.ends.corpus.plan import BOTH, HTTP, KAFKA, MINUTE_MS, SECOND_MS, Event

SKEW_MS_MAX = 5 * MINUTE_MS
DRIFT_MS_MAX = 60 * SECOND_MS
BEAT_LOST = 0.02
ZONES = (UTC, timezone(timedelta(hours=9)), timezone(timedelta(hours=-3, minutes=-30)))
HEARTBEAT = "session.heartbeat"


class Said(NamedTuple):
    """One event that a sender has to tell.

    Args:
        sent_ms: When it is first sent.
        path: By which it goes.
        tenant: Whose key goes with it.
        event: As a CloudEvent.
    """

    sent_ms: int
    path: str
    tenant: str
    event: Event


class Clock(NamedTuple):
    """A sender's clock: so far ahead at one moment, so far at another, in between on a line."""

    from_ms: int
    to_ms: int
    skew_ms: int = 0
    drift_ms: int = 0

    def shown(self, at_ms: int) -> int:
        """What it shows at a moment."""
        length_ms = max(1, self.to_ms - self.from_ms)
        run_ms = min(max(0, at_ms - self.from_ms), length_ms)
        return at_ms + self.skew_ms + self.drift_ms * run_ms // length_ms


class Names(NamedTuple):
    """Who uses what."""

    tenant: str
    source: str
    subject: str
    session: str
    path: str


class Sender:
    """A content server while it reports one session.

    Args:
        chance: Of the session.
        names: Of it.
        terms: Of its content.
        begins_ms: Its start.
        clock: Of the server.
        tells_content: Whether events after the start name the content: 0 never, 1 always.
    """

    def __init__(
        self,
        chance: Random,
        names: Names,
        terms: Terms,
        begins_ms: int,
        *,
        clock: Clock,
        tells_content: float = 0.5,
    ) -> None:
        self.chance = chance
        self.terms = terms
        self.now_ms = begins_ms
        self.said: list[Said] = []
        self._names = names
        self._clock = clock
        self._tells_content = tells_content
        self._zone = chance.choice(ZONES)
        self._count = 0
        self._boot, self._seq, self._bytes = 1, 0, 0

    def start(self, *, is_lost: bool = False, late_ms: int = 0) -> None:
        """The begin of the use; lost, or sent late."""
        said = self._event("session.start", {}, content=True)
        if not is_lost:
            self._send(said, self.now_ms + late_ms)

    def beat_until(self, until_ms: int, *, held_until_ms: int = 0, loses: bool = False) -> None:
        """Heartbeats up to a moment, after which ``now_ms`` is the last one's.

        Args:
            until_ms: Not beyond it.
            held_until_ms: The network is away until then, and they are sent afterwards.
            loses: The network is away, and they are never sent.
        """
        while (at_ms := self.now_ms + self._interval_ms()) <= until_ms:
            self.now_ms = at_ms
            self._bytes += self.chance.randint(0, 500_000)
            said = self._event(HEARTBEAT, {}, content=self.chance.random() < self._tells_content)
            if not loses and (held_until_ms or self.chance.random() >= BEAT_LOST):
                self._send(said, max(at_ms, held_until_ms))

    def one_beat(self) -> None:
        """A heartbeat that surely goes out, one interval on."""
        self.now_ms += self._interval_ms()
        self._send(self._event(HEARTBEAT, {}, content=self._tells_content > 0), self.now_ms)

    def end(self, reason: str, *, is_error: bool = False, sent_ms: int = 0) -> Said:
        """A stop or an error a little later; returned so that it can be said again."""
        self.now_ms += self.chance.randint(200, self.terms.interval_ms)
        return self.end_now(reason, is_error=is_error, sent_ms=sent_ms)

    def end_now(self, reason: str, *, is_error: bool = False, sent_ms: int = 0) -> Said:
        """The same at ``now_ms``."""
        kind = "session.error" if is_error else "session.stop"
        event = self._event(kind, {"reason": reason} if reason else {}, content=False)
        return self._send(event, max(self.now_ms, sent_ms))

    def repeat(self, said: Said, sent_ms: int, path: str = "") -> None:
        """The very same event once more."""
        self.said.append(said._replace(sent_ms=sent_ms, path=path or said.path))

    def reboot(self) -> None:
        """Its counters begin again."""
        self._boot, self._seq, self._bytes = self._boot + 1, 0, 0

    def _interval_ms(self) -> int:
        return self.terms.interval_ms * self.chance.randint(90, 110) // 100

    def _path(self) -> str:
        if self._names.path != BOTH:
            return self._names.path
        # The first two show both paths; then it is as it comes.
        order = (KAFKA, HTTP)
        sent = len(self.said)
        return order[sent] if sent < len(order) else self.chance.choice(order)

    def _send(self, event: Event, sent_ms: int) -> Said:
        said = Said(sent_ms, self._path(), self._names.tenant, event)
        self.said.append(said)
        return said

    def _event(self, kind: str, more: dict[str, object], *, content: bool) -> Event:
        self._count += 1
        self._seq += 1
        names = self._names
        data: dict[str, object] = {
            "session": names.session,
            "meters": {"bytes": self._bytes},
            "seq": self._seq,
            "boot": f"b{self._boot}",
            **more,
        }
        if content:
            data["content"] = self.terms.id
        return {
            "specversion": "1.0",
            "id": f"{names.session}-{self._count}",
            "source": names.source,
            "type": kind,
            "subject": names.subject,
            "time": self._text(self._clock.shown(self.now_ms)),
            "data": data,
        }

    def _text(self, at_ms: int) -> str:
        moment = datetime.fromtimestamp(at_ms // 1_000, self._zone)
        return moment.replace(microsecond=at_ms % 1_000 * 1_000).isoformat(timespec="milliseconds")


def steady_clock(chance: Random, from_ms: int, to_ms: int) -> Clock:
    """A clock as servers have it: some milliseconds off."""
    return Clock(from_ms, to_ms, chance.randint(-80, 80))


def skewed_clock(chance: Random, from_ms: int, to_ms: int) -> Clock:
    """A clock that is minutes off, up to five, and perhaps drifts on the way."""
    skew_ms = chance.choice((-SKEW_MS_MAX, SKEW_MS_MAX, chance.randint(-SKEW_MS_MAX, SKEW_MS_MAX)))
    if chance.random() < 0.5:  # noqa: PLR2004 -- even odds
        return Clock(from_ms, to_ms, skew_ms)
    towards = -1 if skew_ms > 0 else 1
    return Clock(from_ms, to_ms, skew_ms, towards * chance.randint(SECOND_MS, DRIFT_MS_MAX))
