"""Key sets by URL, kept in memory: fetched ahead of need, and again when a key is not known.

Invariant: one fetch a URL at a time, never sooner than ``RETRY_MS`` after the last, so no sender of
tokens can make us ask an issuer more often. A set whose issuer is away is used on, for
``STALE_MS``; a fetched set replaces the one before whole, so a key that was taken back is not used.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from ingest.consent.fetching import Fetch
from ingest.consent.keys import KeySet
from schemas.errors import RecoverableError
from schemas.moment import HOUR_MS, MINUTE_MS, SECOND_MS

FRESH_MS = 5 * MINUTE_MS
STALE_MS = 24 * HOUR_MS
RETRY_MS = 10 * SECOND_MS
URLS_MAX = 1_000
# So long events wait for an issuer of which no key is known, where others wait behind them.
PATIENCE_MS = 5 * MINUTE_MS

_log = structlog.get_logger()


@dataclass
class _Known:
    """One URL.

    Args:
        keys: As last fetched, or None.
        fetched_ms: When.
        first_ms: When it was first asked.
        tried_ms: When it was last asked, or None.
        asking: The fetch under way, or None.
    """

    keys: KeySet | None = None
    fetched_ms: int = 0
    first_ms: int = 0
    tried_ms: int | None = None
    asking: asyncio.Task[None] | None = None


class KeySets:
    """The key sets of all URLs that a catalogue names.

    Args:
        fetch: Asks one.
        monotonic_ms: Measures ages.
    """

    def __init__(self, fetch: Fetch, monotonic_ms: Callable[[], int]) -> None:
        self._fetch = fetch
        self._monotonic_ms = monotonic_ms
        self._known: dict[str, _Known] = {}

    def at(self, url: str) -> KeySet | None:
        """The keys of a URL; None where none were fetched, or long ago."""
        known = self._known.get(url)
        if known is None or known.keys is None:
            return None
        is_usable = self._monotonic_ms() - known.fetched_ms < STALE_MS
        return known.keys if is_usable else None

    def has_patience(self, url: str) -> bool:
        """Whether an issuer without usable keys has been away so shortly that it is waited for."""
        known = self._known.get(url)
        if known is None:
            return False
        away_since_ms = known.first_ms if known.keys is None else known.fetched_ms + STALE_MS
        return self._monotonic_ms() - away_since_ms < PATIENCE_MS

    def may_ask(self, url: str) -> bool:
        """Whether asking again now could tell of other keys."""
        known = self._known.get(url)
        if known is None:
            return len(self._known) < URLS_MAX
        is_rested = known.tried_ms is None or self._monotonic_ms() - known.tried_ms >= RETRY_MS
        return known.asking is not None or is_rested

    async def ask(self, url: str) -> None:
        """Fetches a URL's keys, together with whoever else asks; a failure keeps those known."""
        if not self.may_ask(url):
            return
        known = self._known.setdefault(url, _Known(first_ms=self._monotonic_ms()))
        if known.asking is None:
            known.asking = asyncio.get_running_loop().create_task(self._asked(url, known))
        await asyncio.shield(known.asking)

    async def keep_fresh(self, urls: Iterable[str]) -> None:
        """Fetches those keys that are not fresh, and lets go of URLs that nobody names."""
        wanted = set(urls)
        for url in [each for each in self._known if each not in wanted]:
            if self._known[url].asking is None:
                del self._known[url]
        due = [url for url in sorted(wanted) if self._is_due(url)]
        await asyncio.gather(*(self.ask(url) for url in due))

    def _is_due(self, url: str) -> bool:
        known = self._known.get(url)
        if known is None or known.keys is None:
            return True
        return self._monotonic_ms() - known.fetched_ms >= FRESH_MS

    async def _asked(self, url: str, known: _Known) -> None:
        known.tried_ms = self._monotonic_ms()
        try:
            keys = KeySet(await self._fetch(url))
            if keys:
                known.keys, known.fetched_ms = keys, self._monotonic_ms()
            else:
                _log.warning("a key set holds no key that can be used", url=url)
        except RecoverableError as fault:
            _log.warning("a key set cannot be fetched", url=url, fault=str(fault))
        finally:
            known.asking = None
