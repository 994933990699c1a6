"""The tree of what can go wrong, by what the caller must do.

    NcashError
    ├── InvalidEvent          one event cannot be processed: dead letter, never a retry
    ├── InvalidDocument       a catalogue, tariff, setting or command file is wrong: mend and retry
    ├── RecoverableError      a part that we talk to failed: bounded retry, then backpressure
    │   ├── CursorMoved       the stored cursor is not the expected one: drop the cache, reload
    │   └── ShardHeld         the shard's state is being made again: wait
    └── BrokenInvariant       inside one event: that event is dropped, with an alarm
        └── ShardStopped      of the environment: the shard stops for an operator

Expected business outcomes (not enough money, repeated key) are values, not errors.
"""

import msgspec

# All that msgspec raises over what is not what was asked for: its own error, text that is no UTF-8
# or has half a character in it, and nesting without end.
UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)


class NcashError(Exception):
    """Root of all errors of this project."""


class InvalidEvent(NcashError):
    """An event that can never be processed.

    Args:
        reason: Stable kebab-case word, one of ``schemas.refusals``.
        detail: What, where and how to mend it, for a person.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class InvalidDocument(NcashError):
    """A document that a person wrote is wrong; the message names the path and the mend."""


class RecoverableError(NcashError):
    """A transport fault: worth a bounded, jittered retry."""


class CursorMoved(RecoverableError):
    """The store's cursor is not the one expected: somebody else wrote, or the store went back."""


class ShardHeld(RecoverableError):
    """A shard's state is being made again by somebody; until then it has no cursor."""


class BrokenInvariant(NcashError):
    """Something that cannot be was about to be; the event that asked for it is dropped."""


class ShardStopped(NcashError):
    """A shard cannot go on without an operator: log and state contradict each other."""
