"""The network between senders and collectors: latency, retries, repeats, and who takes a request.

Invariant: an HTTP event is sent until somebody says that it is safe; what a collector took in and
did not deliver is not. A raw topic loses nothing.
"""

from random import Random

from cli.ends.corpus.plan import HTTP, SECOND_MS, Appended, HttpLife, Request
from cli.ends.corpus.senders import Said
from cli.ends.corpus.sites import Sites

LATENCY_MS = (15, 400)
DELIVERY_MS = (4, 60)
SLOW_DELIVERY_MS = (500, 4 * SECOND_MS)
REFUSED_MS = (500, 4 * SECOND_MS)
NO_ANSWER_MS = 5 * SECOND_MS
BACKOFF_MS = (500, 3 * SECOND_MS)
SLOW = 0.01
REPEATED = 0.02
UNANSWERED = 0.5


class Network:
    """Carries what senders say.

    Args:
        chance: Of the scene's network.
        sites: Where it may go.
        ends_ms: What is still under way then is not carried.
    """

    def __init__(self, chance: Random, sites: Sites, ends_ms: int) -> None:
        self.requests: list[Request] = []
        self.appended: list[Appended] = []
        self._chance = chance
        self._sites = sites
        self._ends_ms = ends_ms

    def carry(self, said: Said, partition: int) -> None:
        """One event to its collector.

        Args:
            said: By a sender.
            partition: Of the raw topic that its member's events go to.
        """
        at_ms = said.sent_ms + self._between(LATENCY_MS)
        again = self._chance.random() < REPEATED
        if said.path == HTTP:
            done_ms = self._post(said, at_ms)
            if again:
                self._post(said, done_ms + self._between(BACKOFF_MS))
            return
        for moment_ms in (at_ms, at_ms + self._between(BACKOFF_MS))[: 1 + again]:
            if moment_ms < self._ends_ms:
                self.appended.append(Appended(moment_ms, partition, said.tenant, said.event))

    def _post(self, said: Said, at_ms: int) -> int:
        """Sends until it is safe; the moment at which that is known."""
        while at_ms < self._ends_ms:
            able = self._sites.open_at(at_ms)
            if not able:
                at_ms += self._between(BACKOFF_MS)
                continue
            answered_ms, is_safe = self._try(said, at_ms, self._chance.choice(able))
            if is_safe:
                return answered_ms
            at_ms = answered_ms + self._between(BACKOFF_MS)
        return at_ms

    def _try(self, said: Said, at_ms: int, life: HttpLife) -> tuple[int, bool]:
        """One request: when its sender knows what became of it, and whether that is good."""

        def taken(done_ms: int, *, landed: bool) -> None:
            request = Request(at_ms, done_ms, landed, life.name, said.tenant, said.event)
            self.requests.append(request)

        if self._is_refused(life, at_ms):
            done_ms = min(at_ms + self._between(REFUSED_MS), life.closes_ms - 1)
            taken(done_ms, landed=False)
            return done_ms, False
        is_slow = self._chance.random() < SLOW
        done_ms = at_ms + self._between(SLOW_DELIVERY_MS if is_slow else DELIVERY_MS)
        stops_ms = min([life.closes_ms, *self._refusals_after(life, at_ms)])
        if done_ms < stops_ms or (life.leaves and stops_ms == life.closes_ms):
            # Who leaves delivers first what was taken in.
            done_ms = min(done_ms, stops_ms - 1)
            taken(done_ms, landed=True)
            return done_ms, True
        # It dies, or loses the log, with the request in work: it may have landed, nobody answers.
        taken(stops_ms - 1, landed=self._chance.random() < UNANSWERED)
        return at_ms + NO_ANSWER_MS, False

    def _is_refused(self, life: HttpLife, at_ms: int) -> bool:
        return any(refusal.holds(at_ms) for refusal in life.refuses)

    def _refusals_after(self, life: HttpLife, at_ms: int) -> list[int]:
        return [each.from_ms for each in life.refuses if each.from_ms > at_ms]

    def _between(self, span: tuple[int, int]) -> int:
        return self._chance.randint(*span)
