"""What members agreed to, by the order of the log: what must be refused, and what must be cut off.

Invariant: shares nothing with ``wallet.consents`` or ``shard.consenting``; what was spent under a
consent is the sum of what everything under it costs, made anew each time. Limits by day are not
played. It does not own which session an event belongs to (``choosing``).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cli.sim.agreeing import FORGED
from cli.sim.audit.lives import Life
from cli.sim.audit.logged import Member
from schemas.commands import GrantMandate, RevokeConsent
from schemas.consent import ConsentTerms
from schemas.usage import UsageEvent

_COUNTING = {"token": ("token",), "mandate": ("mandate",), "either": ("token", "mandate")}
Place = tuple[Member, str]


class Agreed(NamedTuple):
    """One consent.

    Args:
        terms: What was agreed to.
        is_revoked: Whether it was taken back.
        before: What had been spent under its name when it was granted.
    """

    terms: ConsentTerms
    is_revoked: bool = False
    before: int = 0


@dataclass
class Agreements:
    """All consents of a shard.

    Args:
        loose: What use outside sessions costs, by consent.
        findings: What can never be.
    """

    loose: Counter[Place] = field(default_factory=Counter[Place])
    findings: list[str] = field(default_factory=list[str])
    _known: dict[Place, Agreed] = field(default_factory=dict[Place, Agreed])

    def change(
        self, member: Member, body: GrantMandate | RevokeConsent, lives: Iterable[Life]
    ) -> tuple[str, str]:
        """A command; its outcome and reason."""
        if isinstance(body, GrantMandate):
            place = (member, f"mandate:{body.mandate}")
            known = self._known.get(place)
            is_alive = known is not None and not known.is_revoked
            before = known.before if known is not None and is_alive else self._sum(place, lives)
            self._known[place] = Agreed(body.terms, before=before)
            return "done", ""
        place = (member, f"{body.kind}:{body.id}")
        known = self._known.get(place)
        if known is None and body.kind == "mandate":
            return "refused", "mandate-unknown"
        terms = ConsentTerms() if known is None else known.terms
        self._known[place] = Agreed(terms, is_revoked=True)
        return "done", ""

    def fault(
        self, event: UsageEvent, words: Mapping[str, Any], lives: Iterable[Life]
    ) -> str | None:
        """Why use of a content may not begin with an event, if it may not.

        Args:
            event: It.
            words: Of the content.
            lives: Everybody's, for what was spent.
        """
        counting = _COUNTING.get(words.get("consent", {}).get("require", "none"))
        if counting is None:
            return None
        consent = event.consent
        if consent is None or consent.kind not in counting:
            return "consent-missing"
        if consent.id.startswith(FORGED):
            self.findings.append(f"event {event.id} came through with a forged token")
        place = ((event.tenant, event.subject), f"{consent.kind}:{consent.id}")
        known = self._known.get(place)
        if known is None and consent.terms is not None:
            known = Agreed(consent.terms)
        if known is None:
            return "consent-unknown"
        if known.is_revoked:
            return "consent-revoked"
        terms, at_ms = known.terms, event.event_at_ms
        is_covered = (
            (not terms.contents or words["id"] in terms.contents)
            and (not terms.providers or words["provider"] in terms.providers)
            and (not terms.sources or event.source in terms.sources)
            and (terms.from_ms is None or terms.from_ms <= at_ms)
            and (terms.until_ms is None or at_ms < terms.until_ms)
        )
        if not is_covered:
            return "consent-outside"
        if self._is_spent(place, known, lives):
            return "consent-exhausted"
        self._known.setdefault(place, known)
        return None

    def is_over(self, life: Life, lives: Iterable[Life]) -> bool:
        """Whether what runs may go on no longer, for what its member agreed to."""
        if not life.consent:
            return False
        place = ((life.name.tenant, life.name.member), life.consent)
        known = self._known[place]
        most = known.terms.session_max_micros
        is_long = most is not None and life.moved_micros >= most
        return is_long or known.is_revoked or self._is_spent(place, known, lives)

    def _is_spent(self, place: Place, known: Agreed, lives: Iterable[Life]) -> bool:
        most = known.terms.max_micros
        return most is not None and self._sum(place, lives) - known.before >= most

    def _sum(self, place: Place, lives: Iterable[Life]) -> int:
        (tenant, member), name = place
        under = sum(
            life.moved_micros
            for life in lives
            if life.consent == name and life.name[:2] == (tenant, member)
        )
        return under + self.loose[place]
