"""Keys of the embedded stack: made at its first start, kept readable by their owner alone.

Invariant: the services get digests only; the keys themselves are in one file of mode 0600.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from secrets import token_bytes, token_urlsafe
from typing import Any

import msgspec

from runtime.faults import StackFault

KEY_BYTES = 24
DIGESTS = "keys.json"
SECRETS = "demo-keys.json"
CARD_SECRETS = "card-secrets.json"
CARD_SECRET_BYTES = 32

_RECORDS: tuple[dict[str, Any], ...] = (
    {
        "id": "demo-server",
        "tenant": "demo",
        "scopes": ["usage:write", "session:control"],
        "clock": "live",
    },
    {"id": "demo-admin", "tenant": "demo", "scopes": ["admin"], "clock": "live"},
    {"id": "web-recording", "tenant": "web", "scopes": ["admin"], "clock": "recorded"},
    {"id": "llm-recording", "tenant": "llm", "scopes": ["admin"], "clock": "recorded"},
)


def ensure_keys(folder: Path, more: Sequence[Mapping[str, Any]] = ()) -> Mapping[str, str]:
    """The stack's keys by id; made and written on the first call for a folder.

    Args:
        folder: The stack's data folder.
        more: Records of further keys; heeded on the first call only.

    Returns:
        The keys themselves, by key id.

    Raises:
        StackFault: The folder cannot be made.
    """
    secrets_file = folder / SECRETS
    if secrets_file.exists():
        return msgspec.json.decode(secrets_file.read_bytes(), type=dict[str, str])
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StackFault(f"data folder {folder} cannot be made: {error}") from error
    wanted = (*_RECORDS, *more)
    keys = {str(record["id"]): token_urlsafe(KEY_BYTES) for record in wanted}
    records = [
        {**record, "sources": ["*"], "sha256": sha256(keys[record["id"]].encode()).hexdigest()}
        for record in wanted
    ]
    (folder / DIGESTS).write_bytes(msgspec.json.format(msgspec.json.encode(records)))
    _put_secret(secrets_file, keys)
    return keys


def ensure_card_secrets(folder: Path) -> Path:
    """The file of secrets that the stack's prepaid cards are hashed by; made on the first call.

    Args:
        folder: The stack's data folder, which is there.
    """
    file = folder / CARD_SECRETS
    if not file.exists():
        secret = b64encode(token_bytes(CARD_SECRET_BYTES)).decode()
        _put_secret(file, [{"series": "A", "secret": secret}])
    return file


def _put_secret(file: Path, content: object) -> None:
    """Moves it into place whole: a start that is cut short leaves nothing that is half a file."""
    half_written = file.with_suffix(".new")
    half_written.unlink(missing_ok=True)
    half_written.touch(mode=0o600)
    half_written.write_bytes(msgspec.json.format(msgspec.json.encode(content)))
    half_written.replace(file)
