"""Keys and addresses that an embedded stack leaves in its folder."""

from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from cli.keyfile import DIGESTS, SECRETS, ensure_keys
from cli.stacking import STACK_FILE, settings_of
from runtime.faults import StackFault
from runtime.keys import KeyRing
from runtime.settings import Settings


def test_keys_when_ensured_again_then_are_the_same(tmp_path: Path) -> None:
    """A second start honours the keys of the first, and takes no further ones."""
    first = ensure_keys(tmp_path / "data")
    assert ensure_keys(tmp_path / "data", [{"id": "late", "tenant": "t"}]) == first
    assert len(set(first.values())) == len(first)


def test_keys_when_written_then_only_their_owner_reads_them(tmp_path: Path) -> None:
    """The secrets' file is for one user; the services' file holds digests that open the same."""
    more = {"id": "bench", "tenant": "bench", "scopes": ["admin"], "clock": "live"}
    keys = ensure_keys(tmp_path, [more])
    assert (tmp_path / SECRETS).stat().st_mode & 0o777 == 0o600
    digests = (tmp_path / DIGESTS).read_text(encoding="utf-8")
    assert not [key for key in keys.values() if key in digests]
    ring = KeyRing.from_file(tmp_path / DIGESTS)
    for name, key in keys.items():
        record = ring.authenticate(f"Bearer {key}")
        assert record is not None
        assert (record.id, record.sha256) == (name, sha256(key.encode()).hexdigest())
    assert ring.by_id("bench") is not None


def test_keys_when_a_start_was_cut_short_then_the_next_one_makes_them(tmp_path: Path) -> None:
    """Half a file is thrown away, not believed."""
    half = (tmp_path / SECRETS).with_suffix(".new")
    half.write_bytes(b'{"demo-')
    keys = ensure_keys(tmp_path)
    assert msgspec.json.decode((tmp_path / SECRETS).read_bytes()) == keys
    assert not half.exists()


def test_keys_when_the_folder_cannot_be_made_then_the_fault_names_it(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StackFault, match="file/data cannot be made"):
        ensure_keys(tmp_path / "file" / "data")


def test_settings_when_a_folder_has_a_stack_then_lead_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder says where its stack is; a variable that is set says more."""
    made = Settings(kafka="127.0.0.1:5", redis="redis://127.0.0.1:6/0", shards=8)
    lines = "".join(f"{name}={value}\n" for name, value in made.environment().items())
    (tmp_path / STACK_FILE).write_text(lines, encoding="utf-8")
    assert settings_of(tmp_path) == made
    monkeypatch.setenv("NCASH_REDIS", "redis://127.0.0.1:9/0")
    found = settings_of(tmp_path)
    assert (found.redis, found.kafka) == ("redis://127.0.0.1:9/0", "127.0.0.1:5")


def test_settings_when_a_folder_has_no_stack_then_the_environment_speaks(tmp_path: Path) -> None:
    """A folder that is not there is no fault: the stack may be elsewhere."""
    assert settings_of(tmp_path / "none") == Settings()
