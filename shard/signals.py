"""What content servers are told when a wallet runs low, runs out or is filled again.

Invariant: a signal is an output of the step, so it is published with the entries that caused it;
a server that goes on after a cut-off is told again with each event that it sends.
It does not own when a limit is reached (``shard.limits``, ``shard.ending``).
"""

from collections.abc import Iterable, Sequence

from rating.catalogue import TenantTerms
from rating.remaining import remaining_units
from rating.session import Session, billable, editable
from schemas.control import RemainingUnits, Signal, SignalKind
from schemas.ids import member_field
from shard.bought import is_covered_now, stretches
from shard.consenting import is_consent_over
from shard.emission import Emission
from shard.settling import terms_of, wallet_of
from shard.state import ShardState
from shard.using import session_use
from wallet.available import available
from wallet.lots import EVER
from wallet.wallet import Wallet, with_flags


def signal_wallet(
    state: ShardState, out: Emission, tenant: TenantTerms, member: str, touched: Iterable[str]
) -> None:
    """Tells the servers of a member's open sessions what the wallet's new level means.

    Args:
        state: Changed where a flag changes.
        out: Gets the signals.
        tenant: The member's tenant.
        member: Whose wallet moved or was used against.
        touched: Fields of the member's sessions that this record had events for, in order.
    """
    field = member_field(tenant.id, member)
    wallet = state.wallet(field)
    if wallet is None:
        return
    limit = tenant.credit_limit_micros(member)
    state.overdraft_micros = max(state.overdraft_micros, wallet.debt_micros - limit)
    levels = _Levels(state, wallet, limit, tenant)
    touched = set(touched)
    if tenant.asks_consent:
        touched -= _signal_consents(state, out, levels, touched=touched)
    if not wallet.cut and not wallet.low_signalled and levels.least > _highest_mark(state, tenant):
        return
    if not levels.is_one:
        _signal_each(state, out, levels, touched=touched, asks_consent=tenant.asks_consent)
    elif levels.least <= 0:
        _cut(state, out, levels, touched=touched)
    elif wallet.cut:
        _resume(state, out, levels, asks_consent=tenant.asks_consent)
    else:
        _warn(state, out, levels)


def limit_signal(state: ShardState, tenant: TenantTerms, session: Session) -> Signal:
    """What tells a server that a limit of its tariff ends, or refuses, a session."""
    wallet = wallet_of(state, session.tenant, session.member)
    levels = _Levels(state, wallet, tenant.credit_limit_micros(session.member), tenant)
    return _signal(SignalKind.LIMIT_REACHED, session, wallet, levels.of(session))


class _Levels:
    """What a wallet holds for each of its member's sessions.

    Attributes:
        wallet: It.
        least: What it holds for any use at any time.
        is_one: Whether that is what it holds for every session.
    """

    def __init__(
        self, state: ShardState, wallet: Wallet, limit_micros: int, tenant: TenantTerms
    ) -> None:
        self._state, self.wallet, self._limit = state, wallet, limit_micros
        is_choosy = _is_choosy(state, tenant)
        self.is_one = (
            not is_choosy
            and not any(lot.expires_ms or lot.only for lot in wallet.lots)
            and not any(hold.session for hold in wallet.holds)
        )
        # A tariff that takes some kinds of money alone may find nothing in any wallet.
        self.least = 0 if is_choosy else available(wallet, limit_micros, EVER)

    def of(self, session: Session) -> int:
        """What there is for a session, at its latest event."""
        if self.is_one:
            return self.least
        use = session_use(session, terms_of(self._state, session))
        return available(self.wallet, self._limit, use)


def _is_choosy(state: ShardState, tenant: TenantTerms) -> bool:
    """Whether a session may have begun under terms which not every kind of money may pay."""
    return any(each.has_choosy for each in _begun_under(state, tenant))


def _highest_mark(state: ShardState, tenant: TenantTerms) -> int:
    """The highest low-balance mark of any terms that an open session may have begun under."""
    return max(each.low_balance_max for each in _begun_under(state, tenant))


def _begun_under(state: ShardState, tenant: TenantTerms) -> Sequence[TenantTerms]:
    """A tenant's terms by every catalogue that an open session may have begun under."""
    if len(state.catalogues) == 1:
        return (tenant,)
    known = (catalogue.tenant(tenant.id) for catalogue in state.catalogues.values())
    return [each for each in known if each is not None]


def _signal_each(
    state: ShardState, out: Emission, levels: _Levels, *, touched: set[str], asks_consent: bool
) -> None:
    """Where money may be spent on some things only: what each session has left."""
    any_cut = False
    for session in _open_sessions(state, levels.wallet):
        left = levels.of(session)
        if left <= 0 and _costs(state, out, session, left):
            any_cut = True
            if not session.is_cut or session.field in touched:
                out.signals.append(_signal(SignalKind.CUT_OFF, session, levels.wallet, left))
                _mark_cut(state, session, is_cut=True)
        elif left > 0 and session.is_cut and not (asks_consent and is_consent_over(state, session)):
            out.signals.append(_signal(SignalKind.GO_ON, session, levels.wallet, left))
            _mark_cut(state, session, is_cut=False)
    _warn(state, out, levels, is_cut=any_cut)


def _cut(state: ShardState, out: Emission, levels: _Levels, *, touched: set[str]) -> None:
    wallet, left = levels.wallet, levels.least
    was_cut = wallet.cut
    any_cut = False
    for session in _open_sessions(state, wallet):
        if not _costs(state, out, session, left) or (
            session.is_cut and session.field not in touched
        ):
            any_cut = any_cut or session.is_cut
            continue
        any_cut = True
        out.signals.append(_signal(SignalKind.CUT_OFF, session, wallet, left))
        _mark_cut(state, session, is_cut=True)
    if any_cut and not was_cut:
        field = member_field(wallet.tenant, wallet.member)
        state.put_wallet(field, with_flags(wallet, low_signalled=True, cut=True))


def _resume(state: ShardState, out: Emission, levels: _Levels, *, asks_consent: bool) -> None:
    wallet, left = levels.wallet, levels.least
    for session in _open_sessions(state, wallet):
        is_over = asks_consent and is_consent_over(state, session)
        if session.is_cut and not is_over:
            out.signals.append(_signal(SignalKind.GO_ON, session, wallet, left))
            _mark_cut(state, session, is_cut=False)
    field = member_field(wallet.tenant, wallet.member)
    state.put_wallet(field, with_flags(wallet, low_signalled=False, cut=False))


def _warn(state: ShardState, out: Emission, levels: _Levels, *, is_cut: bool = False) -> None:
    wallet = levels.wallet
    field = member_field(wallet.tenant, wallet.member)
    low = [
        (session, left)
        for session in _open_sessions(state, wallet)
        if not session.is_cut
        and _costs(state, out, session, left := levels.of(session))
        and left <= _low_balance(state, session)
    ]
    if low and not wallet.low_signalled:
        out.signals.extend(
            _signal(SignalKind.LOW_BALANCE, each, wallet, left, _remaining(state, each, left))
            for each, left in low
        )
    if bool(low) != wallet.low_signalled or is_cut != wallet.cut:
        state.put_wallet(field, with_flags(wallet, low_signalled=bool(low), cut=is_cut))


def _signal_consents(
    state: ShardState, out: Emission, levels: _Levels, *, touched: set[str]
) -> set[str]:
    """Cuts off sessions whose consent allows no more, and lets go on those that it allows again.

    Returns:
        Fields of the sessions that were told to end.
    """
    wallet = levels.wallet
    told: set[str] = set()
    for session in _open_sessions(state, wallet):
        left = levels.of(session)
        if is_consent_over(state, session):
            if not session.is_cut or session.field in touched:
                out.signals.append(_signal(SignalKind.CUT_OFF, session, wallet, left))
                _mark_cut(state, session, is_cut=True)
                told.add(session.field)
        elif (
            session.is_cut
            and session.consent
            and not wallet.cut
            and _pays(state, out, session, left)
        ):
            out.signals.append(_signal(SignalKind.GO_ON, session, wallet, left))
            _mark_cut(state, session, is_cut=False)
    return told


def _pays(state: ShardState, out: Emission, session: Session, left: int) -> bool:
    return left > 0 or not _costs(state, out, session, left)


def _open_sessions(state: ShardState, wallet: Wallet) -> list[Session]:
    found = [state.session(field) for field in wallet.open_sessions]
    return [session for session in found if session is not None and session.is_open]


def _costs(state: ShardState, out: Emission, session: Session, left: int) -> bool:
    """Whether going on costs money; a pass was paid, unless paying it made the debt."""
    terms = terms_of(state, session)
    if terms is None or is_covered_now(state, session, terms, out.record.stamp_ms):
        return False
    return terms.tariff.costs_by_use or (terms.tariff.has_passes and left < 0)


def _low_balance(state: ShardState, session: Session) -> int:
    terms = terms_of(state, session)
    return 0 if terms is None else terms.tariff.low_balance_micros


def _mark_cut(state: ShardState, session: Session, *, is_cut: bool) -> None:
    if session.is_cut != is_cut:
        twin = editable(session)
        twin.is_cut = is_cut
        state.put_session(twin.field, twin)


def _remaining(state: ShardState, session: Session, left: int) -> tuple[RemainingUnits, ...]:
    terms = terms_of(state, session)
    if terms is None:
        return ()
    passes = stretches(state, session.tenant, session.member, terms, session.start_ms)
    return remaining_units(terms.tariff, billable(session, terms.tariff, passes), left)


def _signal(
    kind: SignalKind,
    session: Session,
    wallet: Wallet,
    left: int,
    remaining: tuple[RemainingUnits, ...] = (),
) -> Signal:
    return Signal(
        signal=kind,
        tenant=session.tenant,
        source=session.source,
        session=session.session,
        subject=session.member,
        content=session.content,
        available_micros=left,
        currency=wallet.currency,
        event_at_ms=session.last_ms,
        remaining=remaining,
    )
