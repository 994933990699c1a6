"""One member token: its signature, its claims, and the consent that follows from them.

Invariant: pure; nothing in a token decides how it is verified, no claim is believed before the
signature is, and no fault ever shows the token. Times are judged by the event's, never by a clock.
It does not own which key is asked (``ingest.consent.keys``) nor what an event needs
(``ingest.consent.gate``).
Source: RFC 7519; RFC 8725 on what goes wrong with them.
"""

from collections.abc import Sequence
from typing import Any, cast

import jwt
import msgspec

from ingest.consent.keys import PublicKey
from rating.consent import TokenTerms
from schemas.consent import ConsentTerms
from schemas.errors import InvalidEvent
from schemas.ids import id_fault
from schemas.moment import SECOND_MS
from schemas.money import amount_from_text

NAMES_MAX = 64
_TIME_S_MAX = 2**40
_REQUIRED = ("iss", "aud", "sub", "exp", "iat", "jti")
_LISTS = ("ncash_contents", "ncash_providers", "ncash_sources")
_MAX_CLAIM = "ncash_max"


class Header(msgspec.Struct, frozen=True):
    """What a token says of its signature; believed only after it was compared with what is taken.

    Args:
        algorithm: ``alg``.
        kid: Id of the key, or None.
    """

    algorithm: str
    kid: str | None


class Claims(msgspec.Struct, frozen=True):
    """What a genuine token says.

    Args:
        jti: Its id.
        subject: The member.
        issued_ms: ``iat``.
        terms: What follows for use; its times have the leeway in them.
    """

    jti: str
    subject: str
    issued_ms: int
    terms: ConsentTerms


def invalid(detail: str) -> InvalidEvent:
    """The refusal of an event for its token."""
    return InvalidEvent("token-invalid", f"data.consent: {detail}")


def header_of(token: str, terms: TokenTerms) -> Header:
    """The header of a token.

    Raises:
        InvalidEvent: It is no compact JWT, or its algorithm is not one that the tenant takes.
    """
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise invalid("it is no compact JWT; send the token as its issuer gave it") from error
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in terms.algorithms:
        raise invalid(f"its algorithm is not one of {', '.join(terms.algorithms)}")
    return Header(cast("str", algorithm), kid)


def claims_of(token: str, terms: TokenTerms, keys: Sequence[PublicKey]) -> Claims:
    """What a token says, once one of the keys has verified it.

    Raises:
        InvalidEvent: No key verifies it, or a claim is missing, wrong, or not of its kind.
    """
    for key in keys:
        try:
            return _claims(_decoded(token, terms, key), terms)
        except jwt.InvalidSignatureError:
            continue
    raise invalid("its signature is not that of its issuer's key; was it changed on its way?")


def _decoded(token: str, terms: TokenTerms, key: PublicKey) -> dict[str, Any]:
    try:
        return jwt.decode(
            token,
            key.jwk,
            algorithms=[key.algorithm],
            issuer=terms.issuer,
            audience=terms.audience,
            # Times are judged by the event's own, below: the library would ask a clock.
            options={
                "require": list(_REQUIRED),
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
    except jwt.InvalidSignatureError:
        raise
    except jwt.MissingRequiredClaimError as error:
        raise invalid(f"its claim {error.claim!r} is missing") from error
    except jwt.InvalidIssuerError as error:
        raise invalid(f"its iss is not {terms.issuer!r}") from error
    except jwt.InvalidAudienceError as error:
        raise invalid(f"its aud does not hold {terms.audience!r}") from error
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise invalid("it cannot be read; ask its issuer for another") from error


def _claims(said: dict[str, Any], terms: TokenTerms) -> Claims:
    issued_ms, ends_ms = _time(said, "iat"), _time(said, "exp")
    begins_ms = max(issued_ms, _time(said, "nbf")) if "nbf" in said else issued_ms
    if not issued_ms < ends_ms <= issued_ms + terms.lifetime_ms:
        raise invalid(
            f"from iat to exp it lives {(ends_ms - issued_ms) // SECOND_MS} s; the tenant takes "
            f"tokens of 1 to {terms.lifetime_ms // SECOND_MS} s"
        )
    contents, providers, sources = (_names(said, claim) for claim in _LISTS)
    return Claims(
        _id(said, "jti"),
        _id(said, "sub"),
        issued_ms,
        ConsentTerms(
            contents,
            providers,
            sources,
            begins_ms - terms.leeway_ms,
            ends_ms + terms.leeway_ms,
            _most(said),
        ),
    )


def _time(said: dict[str, Any], claim: str) -> int:
    value = said[claim]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= _TIME_S_MAX:
        raise invalid(f"its {claim} is no time in seconds since 1970")
    return int(value * SECOND_MS)


def _id(said: dict[str, Any], claim: str) -> str:
    value = said[claim]
    if not isinstance(value, str) or id_fault(value) is not None:
        raise invalid(f"its {claim} is not 1 to 256 printable characters")
    return value


def _names(said: dict[str, Any], claim: str) -> tuple[str, ...]:
    if claim not in said:
        return ()
    value = said[claim]
    names = cast("list[object]", value) if isinstance(value, list) else []
    texts = [each for each in names if isinstance(each, str) and id_fault(each) is None]
    if not 1 <= len(names) <= NAMES_MAX or len(texts) != len(names):
        raise invalid(f"its {claim} is no list of 1 to {NAMES_MAX} ids; leave it out for any")
    return tuple(texts)


def _most(said: dict[str, Any]) -> int | None:
    if _MAX_CLAIM not in said:
        return None
    value = said[_MAX_CLAIM]
    try:
        most = amount_from_text(value) if isinstance(value, str) else -1
    except ValueError:
        most = -1
    if most < 0:
        raise invalid(f"its {_MAX_CLAIM} is no amount in major units as text, such as '12.50'")
    return most
