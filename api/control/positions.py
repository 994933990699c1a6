"""A place in the control topic as the ``id:`` of an event: the next offset of each partition.

Invariant: whoever resumes at the text of a place is sent everything behind it, by whichever
process. It does not own whether the topic still has it.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Literal

import msgspec

from schemas.errors import UNREADABLE

TEXT_CHARS_MAX = 32_768
VERSION: Literal[1] = 1
Positions = list[int]
_Offset = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
_decoder = msgspec.msgpack.Decoder(tuple[Literal[1], list[_Offset]])
_BASE64_BLOCK = 4


def text_from_positions(positions: Positions) -> str:
    """The place as one word of letters, digits, ``-`` and ``_``."""
    return urlsafe_b64encode(msgspec.msgpack.encode((VERSION, positions))).rstrip(b"=").decode()


def positions_from_text(text: str, partitions: int) -> Positions:
    """The place that a text names.

    Args:
        text: From ``text_from_positions``, by way of a client.
        partitions: How many the topic has.

    Raises:
        ValueError: The text is no such place, or one of another topic.
    """
    if len(text) > TEXT_CHARS_MAX:
        raise ValueError(f"it is longer than {TEXT_CHARS_MAX} characters")
    padded = text + "=" * (-len(text) % _BASE64_BLOCK)
    try:
        _, positions = _decoder.decode(urlsafe_b64decode(padded.encode("ascii", "replace")))
    except (ValueError, *UNREADABLE) as error:
        raise ValueError("it is not an id that a stream of ours gave") from error
    if len(positions) != partitions:
        raise ValueError(f"it is of {len(positions)} partitions, there are {partitions}")
    return positions
