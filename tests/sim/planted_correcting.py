"""Known mistakes about past prices that are corrected."""

from collections.abc import Sequence

import pytest

from rating.session import Session
from rating.tariff import TariffTerms
from shard import correcting
from shard.emission import Emission
from shard.settling import Settled, commit_session
from shard.state import ShardState


def segments_of_the_wrong_price(patch: pytest.MonkeyPatch) -> None:
    """What a session counted stays where the wrong prices' versions had put it."""

    def left(session: Session, tariff: TariffTerms, cuts: Sequence[int] = ()) -> None:
        del session, tariff, cuts

    patch.setattr(correcting, "learn_prices", left)


def counts_guessed(patch: pytest.MonkeyPatch) -> None:
    """Where nobody noted when it was counted, all of it is taken for the first moment's."""

    def guessed(session: Session, old: TariffTerms, new: TariffTerms) -> bool:
        del session, old, new
        return True

    patch.setattr(correcting, "_is_told_apart", guessed)


def corrected_but_not_for_good(patch: pytest.MonkeyPatch) -> None:
    """Later events of a corrected session bring the wrong price back."""

    def commit(
        state: ShardState,
        out: Emission,
        settled: Settled,
        session: Session,
        *,
        field: str,
        place: str | None,
    ) -> int:
        before = state.session(field) if place is None else state.past_session(place)
        assert before is not None
        session.catalogue = before.catalogue
        return commit_session(state, out, settled, session, field=field, place=place)

    patch.setattr(correcting, "commit_session", commit)


MISTAKES = (segments_of_the_wrong_price, counts_guessed, corrected_but_not_for_good)
