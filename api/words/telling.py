"""From the API's answers to what is told of them: names by the catalogue in force, one language.

Invariant: names explain, they decide nothing: a content that the catalogue does not name any more
is told by its id, and its hours in UTC.
"""

from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from api.ports import MemberTransfer
from api.words.forms import UTC_ZONE
from api.words.sentences import Told, charges_in_words, entry_in_words
from api.words.tongue import Tongue
from rating.catalogue import TenantTerms
from schemas.ledger import ChargeLine, member_account


class Telling(NamedTuple):
    """How answers are put into words.

    Args:
        tongue: The language.
        terms: Of the tenant, or None while no catalogue names it.
    """

    tongue: Tongue
    terms: TenantTerms | None

    def of_transfer(self, moved: MemberTransfer) -> str:
        """A member's part of a transfer in words.

        Args:
            moved: With at least one entry.
        """
        entry = moved.entries[0]
        own = member_account(entry.member, "")
        buckets: dict[str, int] = {}
        for each in moved.entries:
            if each.account.startswith(own):
                bucket = each.account.removeprefix(own)
                buckets[bucket] = buckets.get(bucket, 0) + each.amount_micros
        content, zone = self._named(entry.content)
        told = Told(
            cause=entry.cause,
            currency=entry.currency,
            buckets=buckets,
            lines=[row.line for row in moved.lines],
            content=content,
            zone=zone,
            event_at_ms=entry.event_at_ms,
            reference=entry.reference,
            peer=entry.peer,
        )
        return entry_in_words(told, self.tongue)

    def of_session(
        self,
        lines: Sequence[ChargeLine],
        *,
        content: str,
        currency: str,
        start_ms: int,
        is_open: bool,
    ) -> str:
        """A session's charges in words.

        Args:
            lines: All of them.
            content: Its id, or empty.
            currency: Of the lines.
            start_ms: First moment of the session.
            is_open: Whether it goes on.
        """
        title, zone = self._named(content)
        told = Told(
            cause="", currency=currency, lines=lines, content=title, zone=zone, event_at_ms=start_ms
        )
        return charges_in_words(told, self.tongue, is_open=is_open)

    def _named(self, content: str) -> tuple[str, ZoneInfo]:
        known = None if self.terms is None else self.terms.content(content)
        return (content, UTC_ZONE) if known is None else (known.title or content, known.zone)
