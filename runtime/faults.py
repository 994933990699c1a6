"""What can go wrong between a process and the services that it talks to.

Invariant: a caller tells "try again" from "give up" by the class alone.
It does not own the roots of the tree; those are in ``schemas.errors``.
"""

from schemas.errors import NcashError, RecoverableError


class TransportFault(RecoverableError):
    """Kafka did not confirm; what was sent may or may not have arrived."""


class StackFault(NcashError):
    """The embedded stack cannot start or go on; the message says where to look and the mend."""
