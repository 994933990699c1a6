"""What an edge does about consent: verifies member tokens, refuses what surely lacks one.

Invariant: what a token says goes on as the event's consent and nothing else of it is kept; what an
edge refuses the shard would refuse too. It is the shard that decides: limits, revocations, and
whether a session has its consent already.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from ingest.consent.jwks import KeySets
from ingest.consent.keys import KeySet, PublicKey
from ingest.consent.tokens import Claims, Header, claims_of, header_of, invalid
from rating.catalogue import Catalogue, TenantTerms
from rating.consent import TokenTerms
from schemas.consent import Consent, ConsentKind
from schemas.errors import InvalidEvent, NcashError, RecoverableError
from schemas.moment import text_from_ms
from schemas.usage import EventType, UsageEvent

# Of one tenant; a token of the largest size makes claims of some 10 KB, a usual one of one.
VERIFIED_MAX = 20_000
# Of one tenant's at one go; one takes a fraction of a millisecond, or one on a busy machine.
SLICE_EVENTS = 16
KEEP_FRESH_S = 1
DIGEST_BYTES = 32


class KeysWanted(NcashError):
    """A token's key is not known, and its issuer may be asked: do so, then judge again.

    Args:
        url: To be asked.
    """

    def __init__(self, url: str) -> None:
        super().__init__(f"keys of {url} are wanted")
        self.url = url


class NoKeys(RecoverableError):
    """No key of a tenant is known, and its issuer cannot be asked now.

    Args:
        text: For the sender.
        is_lasting: Whether that has been so for longer than others' events may wait.
    """

    def __init__(self, text: str, *, is_lasting: bool = False) -> None:
        super().__init__(text)
        self.is_lasting = is_lasting


class _Verified(NamedTuple):
    """What came of a token, and the fetched keys at that time: others may judge it differently."""

    fetched: KeySet | None
    claims: Claims | InvalidEvent


@dataclass
class _Issuer:
    """One tenant's issuer under one catalogue.

    Args:
        terms: Of its tokens.
        inline: Keys that stand in the catalogue.
        verified: Tokens that were judged, by digest.
    """

    terms: TokenTerms
    inline: KeySet
    verified: dict[bytes, _Verified] = field(default_factory=dict[bytes, _Verified])


class ConsentGate:
    """Consent at one edge.

    Args:
        in_force: The newest catalogue that is known here, or None before the first.
        sets: Keys by URL.
    """

    def __init__(self, in_force: Callable[[], Catalogue | None], sets: KeySets) -> None:
        self._in_force = in_force
        self._sets = sets
        self._issuers: dict[str, _Issuer] = {}
        self._lanes: dict[str, asyncio.Lock] = {}

    def asking(self, tenant: str) -> TenantTerms | None:
        """The tenant's terms where it asks for consent, else None."""
        catalogue = self._in_force()
        terms = None if catalogue is None else catalogue.tenant(tenant)
        return terms if terms is not None and terms.asks_consent else None

    def takes_tokens(self, tenant: str) -> bool:
        """Whether events of a tenant may carry tokens that have to be verified."""
        catalogue = self._in_force()
        terms = None if catalogue is None else catalogue.tenant(tenant)
        return catalogue is None or (terms is not None and terms.tokens is not None)

    def lane(self, tenant: str) -> asyncio.Lock:
        """Held by whoever verifies ``SLICE_EVENTS`` of a tenant, so that others' turn comes.

        Args:
            tenant: One of the key ring's.
        """
        return self._lanes.setdefault(tenant, asyncio.Lock())

    def check(self, event: UsageEvent, tenant: TenantTerms) -> None:
        """Refuses an event that would begin without the consent that its content asks for.

        Args:
            event: Of the tenant.
            tenant: That asks for consent.

        Raises:
            InvalidEvent: ``consent-missing``.
        """
        terms = None if event.content is None else tenant.content(event.content)
        if terms is None or not terms.consent or not _begins(event):
            return
        if event.manager and event.subject in terms.managers:
            return
        if event.consent is None or event.consent.kind not in terms.consent:
            raise InvalidEvent(
                "consent-missing",
                f"content {terms.id!r} asks that the member agreed ({' or '.join(terms.consent)}): "
                "send data.consent, a signed member token, or data.mandate",
            )

    def consent_of(self, token: str, event: UsageEvent) -> Consent:
        """The consent that a token gives to an event; see ``schemas.cloudevent.ConsentReader``.

        Raises:
            InvalidEvent: ``token-invalid``.
            KeysWanted: Its key may be one that was not fetched yet.
            NoKeys: None of its tenant's keys could be fetched.
        """
        catalogue = self._in_force()
        if catalogue is None:
            raise NoKeys("the catalogue has not been read yet; send the same again")
        tenant = catalogue.tenant(event.tenant)
        if tenant is None or tenant.tokens is None:
            raise invalid("the tenant takes no member tokens; leave it out, or name a mandate")
        claims = self._claims(token, self._issuer(tenant.id, tenant.tokens))
        if claims.subject != event.subject:
            raise invalid("its sub is another member than the event's subject")
        if claims.issued_ms > event.received_at_ms + tenant.tokens.leeway_ms:
            raise invalid("its iat is ahead of our clock; set the issuer's")
        if _begins(event):
            _check_times(claims, event)
        return Consent(ConsentKind.TOKEN, claims.jti, claims.terms)

    async def ask(self, wanted: KeysWanted) -> None:
        """Asks for keys, within ``fetching.FETCH_S``; a failure is no error here."""
        await self._sets.ask(wanted.url)

    async def keep_fresh(self) -> None:
        """Fetches keys ahead of need, for ever; cancel it to end it."""
        while True:
            catalogue = self._in_force()
            terms = [] if catalogue is None else list(catalogue.tenants.values())
            urls = [each.tokens.jwks_url for each in terms if each.tokens is not None]
            await self._sets.keep_fresh(url for url in urls if url is not None)
            await asyncio.sleep(KEEP_FRESH_S)

    def _claims(self, token: str, issuer: "_Issuer") -> Claims:
        terms = issuer.terms
        fetched = None if terms.jwks_url is None else self._sets.at(terms.jwks_url)
        # The token itself is kept nowhere, here neither.
        digest = blake2b(token.encode(), digest_size=DIGEST_BYTES).digest()
        known = issuer.verified.get(digest)
        if known is None or known.fetched is not fetched:
            header = header_of(token, terms)
            claims = _judged(token, terms, self._keys(header, issuer, fetched))
            known = _Verified(fetched, claims)
            if len(issuer.verified) >= VERIFIED_MAX:
                issuer.verified.clear()
            issuer.verified[digest] = known
        if isinstance(known.claims, InvalidEvent):
            raise InvalidEvent(known.claims.reason, known.claims.detail)
        return known.claims

    def _issuer(self, tenant: str, terms: TokenTerms) -> "_Issuer":
        """What is known of a tenant's tokens under these very terms; other terms begin anew."""
        issuer = self._issuers.get(tenant)
        if issuer is None or issuer.terms is not terms:
            issuer = self._issuers[tenant] = _Issuer(terms, KeySet(terms.keys))
        return issuer

    def _keys(self, header: Header, issuer: "_Issuer", fetched: KeySet | None) -> list[PublicKey]:
        found = issuer.inline.matching(header.kid, header.algorithm)
        found += [] if fetched is None else fetched.matching(header.kid, header.algorithm)
        url = issuer.terms.jwks_url
        if not found and url is not None:
            if self._sets.may_ask(url):
                raise KeysWanted(url)
            if fetched is None and not issuer.inline:
                raise NoKeys(
                    f"the tenant's keys at {url} cannot be fetched; send the same again",
                    is_lasting=not self._sets.has_patience(url),
                )
        if not found:
            raise _unknown_key(header)
        return found


def _judged(token: str, terms: TokenTerms, keys: list[PublicKey]) -> Claims | InvalidEvent:
    try:
        return claims_of(token, terms, keys)
    except InvalidEvent as error:
        # One that was raised holds what it passed through, the token too.
        return InvalidEvent(error.reason, error.detail)


def _unknown_key(header: Header) -> InvalidEvent:
    if header.kid is None:
        return invalid("its header names no key (kid), and there is not just one to choose")
    return invalid("its kid names no key of its issuer; publish the key before it signs")


def _check_times(claims: Claims, event: UsageEvent) -> None:
    from_ms, until_ms = claims.terms.from_ms, claims.terms.until_ms
    at_ms = event.event_at_ms
    if from_ms is not None and at_ms < from_ms:
        raise invalid(f"it is not valid yet at the event's time, {text_from_ms(at_ms)}")
    if until_ms is not None and at_ms >= until_ms:
        raise invalid(f"it had expired at the event's time, {text_from_ms(at_ms)}; get a new one")


def _begins(event: UsageEvent) -> bool:
    """Whether the event surely needs a consent of its own where one is asked for."""
    return event.type == EventType.START or event.session is None
