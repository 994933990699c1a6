"""How members of the simulation agree: tokens of one issuer, and mandates.

Owns: the issuer's key, tokens genuine and forged, commands that grant and revoke at random.
Invariant: a forged token's id begins with ``FORGED``, so that the auditor knows one that got in.
It does not own when what is sent (``workload``).
"""

from random import Random
from typing import NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from schemas.commands import GrantMandate, RevokeConsent
from schemas.consent import ConsentKind, ConsentTerms
from schemas.money import MICROS, text_from_amount

ISSUER, AUDIENCE = "https://id.sim", "ncash"
KEY_BYTES = 32
_KEYS = {
    kid: Ed25519PrivateKey.from_private_bytes(bytes((number,)) * KEY_BYTES)
    for number, kid in enumerate(("sim", "forger"), start=1)
}
FORGED = "forged-"
MANDATES = ("p0", "p1")
LIFETIME_S = 7_200
RECENT = 8
# Contents of which use needs the member's consent.
ASKING = ("guild", "vault")
LIMIT_MICROS_MAX = 900 * MICROS


class Given(NamedTuple):
    """A consent that a server was given, and the request that takes it back."""

    member: str
    taken_back: RevokeConsent


class Asking:
    """Servers that ask members, or forget to.

    Args:
        chance: The workload's.
    """

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._given: list[Given] = []
        self._count = 0

    def along(self, member: str, content: str, at_ms: int) -> dict[str, str]:
        """What a server sends along with the use of a content."""
        if content not in ASKING:
            return {}
        chance = self._chance
        likely = ("mandate",) if content == "vault" else ("token", "mandate")
        kind = chance.choice((*likely * 4, "token", ""))
        if kind == "mandate":
            mandate = chance.choice(MANDATES)
            self._given.append(Given(member, RevokeConsent(ConsentKind.MANDATE, mandate)))
            return {"mandate": mandate}
        if kind == "token":
            self._count += 1
            jti = f"j{self._count}"
            self._given.append(Given(member, RevokeConsent(ConsentKind.TOKEN, jti)))
            return {"consent": token(chance, jti, member, at_ms, [chance.choice(ASKING)])}
        return {}

    def recent(self) -> Given | None:
        """One of those that were given last."""
        return self._chance.choice(self._given[-RECENT:]) if self._given else None


def token_rules() -> dict[str, object]:
    """How the catalogue says that tokens are verified."""
    jwk = OKPAlgorithm.to_jwk(_KEYS["sim"].public_key(), as_dict=True)
    return {"issuer": ISSUER, "audience": AUDIENCE, "keys": [{**jwk, "kid": "sim"}]}


def token(chance: Random, jti: str, member: str, at_ms: int, contents: list[str]) -> str:
    """A token that is valid about a moment; one in eight is forged.

    Args:
        chance: The workload's.
        jti: Its id.
        member: Whose.
        at_ms: When it is used.
        contents: That it is restricted to, now and then.
    """
    fault = chance.choice(("key", "sub", "aud", *[""] * 21))
    issued_s = at_ms // 1_000 - 600
    said: dict[str, object] = {
        "iss": ISSUER,
        "aud": "others" if fault == "aud" else AUDIENCE,
        "sub": "mallory" if fault == "sub" else member,
        "jti": f"{FORGED}{jti}" if fault else jti,
        "iat": issued_s,
        "exp": issued_s + LIFETIME_S,
    }
    if chance.randrange(2):
        said["ncash_max"] = text_from_amount(chance.randrange(LIMIT_MICROS_MAX))
    if not chance.randrange(4):
        said["ncash_contents"] = contents
    signer = _KEYS["forger" if fault == "key" else "sim"]
    return jwt.encode(said, signer, algorithm="EdDSA", headers={"kid": "sim"})


def grant(chance: Random, mandate: str, contents: tuple[str, ...]) -> GrantMandate:
    """A mandate on terms of chance."""
    terms = ConsentTerms(
        contents=(chance.choice(contents),) if not chance.randrange(4) else (),
        max_micros=None if chance.randrange(3) else chance.randrange(LIMIT_MICROS_MAX),
        session_max_micros=None if chance.randrange(3) else chance.randrange(LIMIT_MICROS_MAX),
    )
    return GrantMandate(mandate, terms)


def revoke(chance: Random) -> RevokeConsent:
    """A mandate or a token is taken back of which perhaps nobody ever heard."""
    if not chance.randrange(4):
        return RevokeConsent(ConsentKind.TOKEN, f"unseen{chance.randrange(9)}")
    return RevokeConsent(ConsentKind.MANDATE, chance.choice((*MANDATES, "unknown")))
