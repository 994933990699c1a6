"""Which of an engine's errors are worth asking again, and which are final.

Invariant: a code that nobody listed is final: a retry for ever hides a fault, a stop shows it.
Source: ClickHouse, ``src/Common/ErrorCodes.cpp``.
"""

import re

from warehouse.port import WarehouseRefused, WarehouseUnavailable

MESSAGE_CHARS_MAX = 2_000
# Timeouts, memory, too many parts or queries, disk full, network, keeper, read-only replica.
_WORTH_RETRYING = frozenset(
    {3, 159, 160, 242, 173, 202, 203, 209, 210, 236, 241, 243, 252, 279, 285, 319, 335, 999}
)
_CODE = re.compile(r"\bCode: (\d+)")


def fault_from_text(message: str) -> WarehouseUnavailable | WarehouseRefused:
    """The fault in an engine's message that holds ``Code: n``."""
    found = _CODE.search(message)
    return fault_from_code(int(found.group(1)) if found else 0, message)


def fault_from_code(code: int, message: str) -> WarehouseUnavailable | WarehouseRefused:
    """The fault behind an engine's error code.

    Args:
        code: As in ClickHouse's list; 0 when unknown.
        message: For a person; its stack trace is left out.
    """
    text = message.partition("Stack trace:")[0].strip()[:MESSAGE_CHARS_MAX]
    if code in _WORTH_RETRYING:
        return WarehouseUnavailable(text)
    return WarehouseRefused(text)
