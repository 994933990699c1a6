"""API keys: the ring, its file, and what a header opens."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from runtime.keys import ApiKey, KeyRing, digest_of_key
from schemas.errors import InvalidDocument
from tests.unit.ingest.fakes import LIVE_KEY, api_key

RECORD: dict[str, object] = {
    "id": "k-1",
    "sha256": sha256(b"secret").hexdigest(),
    "tenant": "demo",
    "sources": ["video-site"],
    "scopes": ["usage:write"],
    "clock": "recorded",
}


def _ring(tmp_path: Path, *records: dict[str, object]) -> KeyRing:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    return KeyRing.from_file(path)


def test_key_when_in_the_file_then_opens_what_its_record_says(tmp_path: Path) -> None:
    """A bearer header finds the record, and so does its id; scopes and sources bind."""
    ring = _ring(tmp_path, RECORD)
    key = ring.authenticate("bearer secret")
    assert key is not None
    assert key == ring.by_id("k-1")
    assert key.recorded
    assert key.allows("usage:write")
    assert not key.allows("wallet:write")
    assert key.allows_source("video-site")
    assert not key.allows_source("other")
    assert ring.by_id("k-2") is None


@pytest.mark.parametrize(
    "header", [None, "", "secret", "Basic secret", "Bearer ", "Bearer wrong", "Bearer " + "x" * 600]
)
def test_header_when_it_holds_no_key_of_ours_then_opens_nothing(header: str | None) -> None:
    """Anything but a bearer header with a known key is nobody."""
    assert KeyRing([api_key(LIVE_KEY)]).authenticate(header) is None


def test_key_when_admin_or_for_any_source_then_may_do_all() -> None:
    """``admin`` is every scope, ``*`` every source."""
    key = api_key("a", scopes=("admin",))
    assert key.allows("wallet:write")
    assert key.allows_source("any")
    assert key.sha256 == digest_of_key("a")


@pytest.mark.parametrize(
    "change",
    [{"id": ""}, {"tenant": "a\x1fb"}, {"sha256": "abc"}, {"sha256": "zz"}, {"clock": "slow"},
     {"scopes": ["all"]}, {"colour": "red"}],
)  # fmt: skip
def test_file_when_a_record_is_wrong_then_is_refused(
    tmp_path: Path, change: dict[str, object]
) -> None:
    """A misspelt or impossible record stops the start instead of opening or closing a door."""
    with pytest.raises(InvalidDocument):
        _ring(tmp_path, {**RECORD, **change})


@pytest.mark.parametrize("scope", ["usage:write", "session:control"])
def test_file_when_a_content_servers_key_could_put_money_in_then_is_refused(
    tmp_path: Path, scope: str
) -> None:
    """The error names the record, both scopes, and what to do."""
    scopes = [scope, "wallet:write"]
    with pytest.raises(InvalidDocument, match=rf"keys\[k-1\]\.scopes: {scope} .* two keys"):
        _ring(tmp_path, {**RECORD, "scopes": scopes})
    assert _ring(tmp_path, {**RECORD, "scopes": [*scopes, "admin"]}).by_id("k-1")
    assert _ring(tmp_path, {**RECORD, "scopes": [scope, "wallet:read"]}).by_id("k-1")


def test_file_when_records_clash_then_is_refused(tmp_path: Path) -> None:
    """Two records with one id, or for one key, would make rights ambiguous."""
    with pytest.raises(InvalidDocument):
        _ring(tmp_path, RECORD, {**RECORD, "id": "k-2"})
    with pytest.raises(InvalidDocument):
        _ring(tmp_path, RECORD, {**RECORD, "sha256": digest_of_key("other")})


@pytest.mark.parametrize("body", [None, b"\xff", b"{}", b"["])
def test_file_when_it_is_no_list_then_is_refused(tmp_path: Path, body: bytes | None) -> None:
    """A missing or unreadable file is one clear error."""
    path = tmp_path / "keys.json"
    if body is not None:
        path.write_bytes(body)
    with pytest.raises(InvalidDocument, match=r"keys\.json"):
        KeyRing.from_file(path)


def test_record_when_shown_then_holds_no_key() -> None:
    """What could reach a log is the digest, never the key."""
    assert "s3cret" not in repr(ApiKey("k", digest_of_key("s3cret"), "demo", (), ()))
