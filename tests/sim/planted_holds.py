"""Known mistakes about money that is set aside, as patches.

Owns: one function per mistake, each of which replaces one named function of the product.
Invariant: a patch is the product's own code but for the one mistake.
"""

import msgspec
import pytest

from schemas.commands import CaptureHold, Command
from schemas.holds import Hold
from shard import holding, signals, waking
from shard.emission import Emission
from shard.orders import apply_command, result_field
from shard.state import ShardState
from wallet.available import available
from wallet.holds import hold_of, with_captured
from wallet.lots import Use
from wallet.wallet import Wallet


def captured_again_when_asked_again(patch: pytest.MonkeyPatch) -> None:
    """A capture that is repeated under its key is done once more."""

    def forgetful(state: ShardState, command: Command, out: Emission) -> None:
        if isinstance(command.body, CaptureHold):
            state.results[result_field(command.tenant, command.member, command.key)] = None
        apply_command(state, command, out)

    patch.setattr("shard.step.apply_command", forgetful)


def same_money_for_two(patch: pytest.MonkeyPatch) -> None:
    """What others have set aside is not looked at."""

    def alone(wallet: Wallet, limit: int, use: Use) -> int:
        return available(msgspec.structs.replace(wallet, holds=()), limit, use)

    patch.setattr(holding, "available", alone)


def never_free_again(patch: pytest.MonkeyPatch) -> None:
    """A hold whose time is over goes on keeping its money."""

    def as_it_was(wallet: Wallet, hold: Hold) -> Wallet:
        del hold
        return wallet

    patch.setattr(waking, "with_expired", as_it_was)


def frozen_and_spending(patch: pytest.MonkeyPatch) -> None:
    """A frozen wallet refuses only what asks it by name."""

    def unfrozen(wallet: Wallet, limit: int, use: Use) -> int:
        return available(msgspec.structs.replace(wallet, frozen=""), limit, use)

    patch.setattr(signals, "available", unfrozen)


def not_booked_when_late(patch: pytest.MonkeyPatch) -> None:
    """What was used in time, and is told too late, is refused."""

    def live_only(wallet: Wallet, number: int) -> Hold | None:
        hold = hold_of(wallet, number)
        return None if hold is None or hold.is_expired else hold

    patch.setattr(holding, "hold_of", live_only)


def rest_kept_after_the_last_part(patch: pytest.MonkeyPatch) -> None:
    """A final capture leaves the rest set aside."""

    def never_final(
        wallet: Wallet, hold: Hold, amount_micros: int, *, is_final: bool
    ) -> tuple[Wallet, Hold]:
        del is_final
        return with_captured(wallet, hold, amount_micros, is_final=False)

    patch.setattr(holding, "with_captured", never_final)


MISTAKES = (
    captured_again_when_asked_again, same_money_for_two, never_free_again, not_booked_when_late,
    rest_kept_after_the_last_part, frozen_and_spending,
)  # fmt: skip
