"""API keys of the embedded stack: made at its first start, kept readable by their owner alone.

Invariant: the services get digests only; the keys themselves are in one file of mode 0600.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import msgspec

KEY_BYTES = 24
DIGESTS = "keys.json"
SECRETS = "demo-keys.json"

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


def ensure_keys(folder: Path) -> Mapping[str, str]:
    """The stack's keys by id; made and written on the first call for a folder.

    Args:
        folder: The stack's data folder.

    Returns:
        The keys themselves, by key id.
    """
    secrets_file = folder / SECRETS
    if secrets_file.exists():
        return msgspec.json.decode(secrets_file.read_bytes(), type=dict[str, str])
    folder.mkdir(parents=True, exist_ok=True)
    keys = {str(record["id"]): token_urlsafe(KEY_BYTES) for record in _RECORDS}
    records = [
        {**record, "sources": ["*"], "sha256": sha256(keys[record["id"]].encode()).hexdigest()}
        for record in _RECORDS
    ]
    (folder / DIGESTS).write_bytes(msgspec.json.format(msgspec.json.encode(records)))
    secrets_file.touch(mode=0o600)
    secrets_file.write_bytes(msgspec.json.format(msgspec.json.encode(keys)))
    return keys
