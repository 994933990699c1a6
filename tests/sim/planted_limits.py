"""Known mistakes in limits of sessions and input, as patches.

Owns: one function per mistake, each of which replaces one named function of the product.
Invariant: a patch is the product's own code but for the one mistake.
"""

import pytest

from rating.catalogue import ContentTerms
from rating.merging import Added, merge
from rating.session import ENDINGS, Session
from rating.tariff import TariffTerms
from schemas.usage import UsageEvent
from shard import limits as session_limits
from shard import sessions as merging
from shard.ending import end_idle
from shard.limits import has_room
from shard.settling import wallet_of
from shard.state import ShardState
from shard.usage import Frame
from shard.working import Working

_others = session_limits._others
_is_freed = merging._is_freed
_tell_limits = Frame._tell_limits


def input_by_arrival(patch: pytest.MonkeyPatch) -> None:
    """The input that is told last is the last input."""

    def arrived(
        session: Session, event: UsageEvent, path: str, tariff: TariffTerms | None = None
    ) -> Added:
        added = merge(session, event, path, tariff)
        if event.active is not False and event.type not in ENDINGS:
            session.input_ms = event.event_at_ms
        return added

    patch.setattr(merging, "merge", arrived)


def stop_taken_for_input(patch: pytest.MonkeyPatch) -> None:
    """A server that obeys the limit undoes it by its stop."""

    def stopped(
        session: Session, event: UsageEvent, path: str, tariff: TariffTerms | None = None
    ) -> Added:
        added = merge(session, event, path, tariff)
        if event.type in ENDINGS and event.active is None:
            session.input_ms = max(session.input_ms, event.event_at_ms)
        return added

    patch.setattr(merging, "merge", stopped)


def idle_use_charged(patch: pytest.MonkeyPatch) -> None:
    """A session without input ends, but is charged to the event that showed it."""

    def ended(session: Session, terms: ContentTerms) -> None:
        end_idle(session, terms)
        session.supplement_ms = 0

    patch.setattr(merging, "end_idle", ended)


def late_input_ignored(patch: pytest.MonkeyPatch) -> None:
    """A session that ended without input stays ended when the input is told after all."""

    def never(state: ShardState, session: Session) -> bool:
        return has_room(state, session) and not session.idle_event

    patch.setattr(merging, "has_room", never)


def superseded_comes_back(patch: pytest.MonkeyPatch) -> None:
    """A session whose place was taken takes it back by its next heartbeat."""

    def freed(working: Working, *, is_late: bool) -> bool:
        if working.is_later and working.place is None and not is_late:
            working.session.superseded_by = ""
            return True
        return _is_freed(working, is_late=is_late)

    patch.setattr(merging, "_is_freed", freed)


def newest_ends(patch: pytest.MonkeyPatch) -> None:
    """One more session ends the one that began last."""

    def newest(state: ShardState, session: Session, tariff: TariffTerms) -> list[Session]:
        return _others(state, session, tariff)[::-1]

    patch.setattr(session_limits, "_others", newest)


def limit_of_all_tariffs(patch: pytest.MonkeyPatch) -> None:
    """Sessions on other tariffs count too."""

    def all_of_them(state: ShardState, session: Session, _: TariffTerms) -> list[Session]:
        wallet = wallet_of(state, session.tenant, session.member)
        found = [state.session(field) for field in wallet.open_sessions if field != session.field]
        return [each for each in found if each is not None and each.is_open]

    patch.setattr(session_limits, "_others", all_of_them)


def limit_told_once(patch: pytest.MonkeyPatch) -> None:
    """A server that goes on behind a limit is not told again."""

    def once(self: Frame) -> None:
        self._limited = {
            field: session for field, session in self._limited.items() if session.revision < 2
        }
        _tell_limits(self)

    patch.setattr(Frame, "_tell_limits", once)


MISTAKES = (
    input_by_arrival, stop_taken_for_input, idle_use_charged, late_input_ignored,
    superseded_comes_back, newest_ends, limit_of_all_tariffs, limit_told_once,
)  # fmt: skip
