"""Why a command was not done: a value, kept as its result.

Invariant: a reason is a stable word that callers match on; a detail is for a person.
"""

from typing import NamedTuple


class Refusal(NamedTuple):
    """Reason and detail."""

    reason: str
    detail: str
