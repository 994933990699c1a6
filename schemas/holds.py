"""Holds: money set aside for a use that is still to come, as wire, state and answers tell it.

Invariant: what was captured of a hold was taken from it; a hold that has ended frees the rest. One
that stands behind a session's grant (``schemas.grants``) is taken by what the session is charged.
"""

import base64
import binascii
from typing import Final

import msgspec

from schemas.ids import id_fault

VALID_MS_MAX: Final = 30 * 86_400_000
REFERENCE_CHARS_MAX: Final = 256
# A number, and the longest member in base64.
HOLD_CHARS_MAX: Final = 1_500
# Of a wallet's holds; more than any wallet makes, and fit for every reader of the log.
NUMBER_CHARS_MAX: Final = 15


class Hold(msgspec.Struct, frozen=True, array_like=True):
    """Money of a member that is set aside.

    Args:
        id: Its number among the wallet's.
        left_micros: Set aside, or what may still come late where it has expired.
        captured_micros: Taken so far.
        expires_ms: From when on the rest is free again.
        content: What it is for, or empty.
        provider: Who is paid, or empty: the platform.
        provider_ppm: The provider's part of what is taken, as agreed when it was placed.
        reference: The caller's own name for it.
        is_expired: Whether the rest was freed because its time was over.
        session: Storage field of the session whose use takes it, or empty: captures do.
        valid_ms: Of a session's: how long it holds from the last that was heard of that.
        kinds: Of a session's: kinds of charge lines that it is for.
        buckets: Of a session's: kinds of money that may pay; empty for all.
    """

    id: int
    left_micros: int
    captured_micros: int
    expires_ms: int
    content: str = ""
    provider: str = ""
    provider_ppm: int = 0
    reference: str = ""
    is_expired: bool = False
    session: str = ""
    valid_ms: int = 0
    kinds: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()

    @property
    def held_micros(self) -> int:
        """What nobody else may spend because of it."""
        return 0 if self.is_expired else self.left_micros


def hold_name(member: str, number: int) -> str:
    """What outside programs call a hold: it names its member, and so its shard."""
    return f"{number}.{base64.urlsafe_b64encode(member.encode()).decode().rstrip('=')}"


def hold_from_name(name: str) -> tuple[str, int]:
    """Member and number of a hold.

    Raises:
        ValueError: No hold is called so.
    """
    fault = f"{name!r} is not the name of a hold"
    number, _, owner = name.partition(".")
    if not (number.isascii() and number.isdigit() and len(number) <= NUMBER_CHARS_MAX):
        raise ValueError(fault)
    try:
        member = base64.urlsafe_b64decode(owner + "=" * (-len(owner) % 4)).decode()
    except (binascii.Error, ValueError) as error:
        raise ValueError(fault) from error
    if id_fault(member) is not None or number == "0" or hold_name(member, int(number)) != name:
        raise ValueError(fault)
    return member, int(number)
