"""Takes member tokens out of what is kept of a refused event.

Invariant: no dead letter holds a token, be the event readable or torn; bytes without one stay as
they are. It errs towards taking too much.
"""

import json
import re
from base64 import b64decode
from typing import cast

REMOVED = "(removed)"
_REMOVED = REMOVED.encode()
_NAMED = re.compile(rb'("consent"\s*:\s*)"(?:[^"\\]|\\.)*"?')
# A signed token, wherever it stands: three parts, the first of which is the base64 of '{"'.
_TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*){0,4}")
_SIGNS = (b"consent", b"eyJ", b"data_base64", b"\\u")


def scrubbed(element: bytes) -> bytes:
    """The bytes of an event without any member token.

    Args:
        element: Of one event or of a whole body; may be anything.
    """
    if not any(sign in element for sign in _SIGNS):
        return element
    return _TOKEN.sub(_REMOVED, _NAMED.sub(rb'\1"' + _REMOVED + rb'"', _without_named(element)))


def _without_named(element: bytes) -> bytes:
    """The same with ``data.consent`` removed, however it is written; a torn text as it is."""
    try:
        event: object = json.loads(element)
    except (ValueError, RecursionError):
        return element
    if not _cleaned(event):
        return element
    return json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")


def _cleaned(event: object) -> bool:
    """Removes in place; whether anything was."""
    if not isinstance(event, dict):
        return False
    words = cast("dict[str, object]", event)
    is_changed = False
    data = words.get("data")
    if isinstance(data, dict) and "consent" in data:
        cast("dict[str, object]", data)["consent"] = REMOVED
        is_changed = True
    encoded = words.get("data_base64")
    if isinstance(encoded, str) and _holds_consent(encoded):
        words["data_base64"] = REMOVED
        is_changed = True
    return is_changed


def _holds_consent(encoded: str) -> bool:
    try:
        inner = b64decode(encoded)
    except ValueError:
        return False
    return b"consent" in inner or b"eyJ" in inner or b"\\u" in inner
