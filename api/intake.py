"""Usage that a request of this API reports beside what it asks: where it is taken in.

Invariant: what is taken in here is usage like any other: checked, stamped, vouched for by ticks.
"""

from typing import Protocol

from runtime.keys import ApiKey
from schemas.errors import RecoverableError
from schemas.usage import UsageEvent


class Intake(Protocol):
    """Takes single events; ``ingest.single.SingleIntake`` is one."""

    async def check(self, key: ApiKey, element: bytes) -> UsageEvent:
        """The event in an element, as it would be taken now; nothing is taken.

        Args:
            key: Of whoever sends it.
            element: A structured CloudEvent.

        Raises:
            InvalidEvent: It is none, is another source's, or is surely without consent.
            RecoverableError: A token's keys cannot be had.
        """
        ...

    async def take(self, key: ApiKey, element: bytes) -> None:
        """Take it; returns once Kafka has it. Sent again it changes nothing.

        Args:
            key: As above.
            element: As above.

        Raises:
            InvalidEvent: As above.
            RecoverableError: It may not be there: send it again.
        """
        ...


class NoIntake:
    """Of a process without a collector."""

    async def check(self, key: ApiKey, element: bytes) -> UsageEvent:
        """See ``Intake``."""
        raise _nobody(key, element)

    async def take(self, key: ApiKey, element: bytes) -> None:
        """See ``Intake``."""
        raise _nobody(key, element)


def _nobody(key: ApiKey, element: bytes) -> RecoverableError:
    return RecoverableError(
        f"no usage is taken in by this process ({len(element)} bytes of tenant {key.tenant}); "
        "ask one that has a collector"
    )
