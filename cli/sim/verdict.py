"""A run and what the auditor says of it.

Invariant: whatever a run ends with is a finding; bytes that the auditor cannot read are one too.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cli.sim.audit.auditor import audit
from cli.sim.faults import Coverage, Fault
from cli.sim.simulation import Wanted, play


class Verdict(NamedTuple):
    """What came of a run.

    Args:
        wanted: What was asked for.
        violations: What is not as it must be; empty when all is well.
        struck: Faults by kind and place.
        rolled: Kinds that came up: with these alone the run is the same.
        lines: The trace.
        digest: Of the trace: two runs with the same one were the same.
    """

    wanted: Wanted
    violations: list[str]
    struck: Coverage
    rolled: tuple[Fault, ...]
    lines: Sequence[str]
    digest: str


def judged(wanted: Wanted) -> Verdict:
    """Plays a run and audits it."""
    remains = play(wanted)
    try:
        violations = audit(remains)
    except Exception as fault:  # noqa: BLE001 -- what the auditor cannot read is a finding
        violations = [*remains.findings, f"the auditor cannot read what is there: {fault!r}"]
    return Verdict(
        wanted, violations, remains.struck, remains.rolled, remains.lines, remains.digest
    )
