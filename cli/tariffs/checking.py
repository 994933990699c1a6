"""``ncash tariff check``: whether a tariff, or a whole catalogue, is one, and all that is not."""

from pathlib import Path

from cli.screen import screen
from cli.tariffs.documents import is_catalogue, read_raw, tariff_file
from cli.tariffs.faults import faults_of
from runtime.settings import Settings
from runtime.succession import check_horizons
from schemas.errors import InvalidDocument


def check_file(file: Path, *, currency: str) -> int:
    """Says every fault of a file with its path and mend.

    Args:
        file: One tariff, or a catalogue.
        currency: Of a single tariff.

    Returns:
        Exit status: 1 when there is any fault.

    Raises:
        InvalidDocument: The file cannot be read, or is no JSON object.
    """
    raw = read_raw(file)
    faults = faults_of(raw, currency=currency)
    if not faults and is_catalogue(raw):
        faults = _beside_edges(raw, currency)
    console = screen()
    for fault in faults:
        console.print(fault, style="red", markup=False)
    if not faults:
        kind = "catalogue" if is_catalogue(raw) else "tariff"
        console.print(f"the {kind} is good")
    return 1 if faults else 0


def _beside_edges(raw: dict[str, object], currency: str) -> list[str]:
    """What is sound in itself, but not beside edges that take events as old as ours do."""
    try:
        check_horizons(tariff_file(raw, currency=currency).document, Settings().allowance_past_ms)
    except InvalidDocument as fault:
        return [str(fault)]
    return []
