"""Reading a request's body within its limits.

Invariant: a body that is too large, too slow or without room is given up as soon as that is known,
and the rest of it is never read. It does not own the answers.
"""

import asyncio

from starlette.requests import ClientDisconnect, Request

from ingest.room import Held
from schemas.errors import NcashError
from schemas.moment import SECOND_MS


class BodyTooLarge(NcashError):
    """It has more bytes than it may have."""


class BodyTooSlow(NcashError):
    """It was not there in time, or never will be."""


async def read_body(request: Request, held: Held, *, bytes_max: int, read_ms_max: int) -> bytes:
    """The whole body; its bytes are counted as they come.

    Args:
        request: Nothing of its body is read yet.
        held: Where the bytes are counted.
        bytes_max: Largest body.
        read_ms_max: Longest that the whole of it may take, however steadily it comes.

    Raises:
        BodyTooLarge: It is over the limit, or says so.
        BodyTooSlow: It was not whole in time, or the sender hung up.
        NoRoom: There is no room for it.
    """
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > bytes_max:
        raise BodyTooLarge(f"a body may have {bytes_max} bytes")
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(read_ms_max / SECOND_MS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > bytes_max:
                    raise BodyTooLarge(f"a body may have {bytes_max} bytes")
                held.grow(len(chunk))
                chunks.append(chunk)
    except TimeoutError as error:
        raise BodyTooSlow(
            f"after {read_ms_max // SECOND_MS} s only {size} bytes of the body were here"
        ) from error
    except ClientDisconnect as error:
        raise BodyTooSlow(f"the sender hung up after {size} bytes of the body") from error
    return b"".join(chunks)
