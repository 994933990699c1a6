"""Time zones come from the locked wheel and from nowhere else."""

import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from rating.zones import zone_named

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def lying_machine(tmp_path: Path) -> Iterator[None]:
    """A machine whose zone files say that every zone named here is Kolkata."""
    wrong = zone_file("Asia/Kolkata")
    for name in ("Asia/Tokyo", "Asia/Nowhere"):
        place = tmp_path / name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(wrong)
    zoneinfo.reset_tzpath(to=[tmp_path])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()
    zoneinfo.ZoneInfo.clear_cache()


def zone_file(name: str) -> bytes:
    """A zone's bytes from the wheel, read apart from the product."""
    return files("tzdata").joinpath("zoneinfo", name).read_bytes()


def test_zone_when_the_machine_says_otherwise_then_the_wheel_decides(lying_machine: None) -> None:
    """Python's own look-up believes the machine; ours does not."""
    assert zoneinfo.ZoneInfo("Asia/Tokyo").utcoffset(NOON) == timedelta(hours=5, minutes=30)
    zone_named.cache_clear()
    assert zone_named("Asia/Tokyo").utcoffset(NOON) == timedelta(hours=9)


def test_zone_when_only_the_machine_knows_it_then_it_is_unknown(lying_machine: None) -> None:
    """A zone that the wheel has not is refused even where the machine has it."""
    assert zoneinfo.ZoneInfo("Asia/Nowhere").utcoffset(NOON) is not None
    with pytest.raises(ValueError, match="not an IANA time zone"):
        zone_named("Asia/Nowhere")


def test_zone_when_named_twice_then_it_is_the_same_object() -> None:
    """Zones are read once, so that compiling a catalogue again gives equal terms."""
    assert zone_named("Asia/Seoul") is zone_named("Asia/Seoul")


def test_zone_when_misspelt_then_near_ones_are_named() -> None:
    """The message helps to mend the name."""
    with pytest.raises(ValueError, match=r"near: .*Asia/Seoul"):
        zone_named("Asia/Seoull")


@pytest.mark.parametrize("name", ["", "..", "../zones", "/etc/localtime", "Asia", "Asia/../UTC"])
def test_zone_when_named_like_a_path_then_no_file_is_read(name: str) -> None:
    """Only names of the wheel's own list reach the file system."""
    with pytest.raises(ValueError, match="not an IANA time zone"):
        zone_named(name)
