"""Answers about sessions, from live state and from CDRs."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from api.models.ledger import ChargeView, charge_view
from api.models.money import Money, money
from api.words.telling import Telling
from rating.catalogue import TenantTerms
from rating.session import UNKNOWN_MS, Session, totals
from schemas.applied import Cdr
from schemas.control import Standing
from schemas.ledger import ChargeLine
from schemas.moment import text_from_ms

State = Literal["live", "closed"]


class SessionView(BaseModel):
    """One incarnation of a session."""

    source: str
    session: str
    incarnation: int = Field(description="More than 1 when the id was used again after an end.")
    subject: str
    content: str | None
    state: State
    cause: str | None = Field(
        description=(
            "normal, idle, network, client_error, server, cut_off or superseded; null while live."
        )
    )
    started_at: str
    last_event_at: str
    ended_at: str | None = Field(description="End of what is charged; null while live.")
    decided_at: str | None = Field(description="When the end was certain.")
    duration_ms: int
    meters: dict[str, int]
    charged: Money
    charged_micros: int
    charges: list[ChargeView] | None = Field(
        description="By kind and meter; null in lists of closed sessions."
    )
    words: str | None = Field(
        description="The charges in words, in the language of `lang` or `Accept-Language`; null "
        "where they are."
    )
    revision: int = Field(description="CDRs written; more than 1 when the end was corrected.")
    is_cut_off: bool = Field(description="Whether its server was told to cut it off.")


class ControlView(BaseModel):
    """What the session's server would be told now."""

    signal: str = Field(examples=["go_on", "low_balance", "cut_off", "limit_reached"])
    available: Money = Field(description="Available to the member.")
    available_micros: int


def control_view(found: Standing) -> ControlView:
    """A standing as it is shown."""
    amount = money(found.available_micros, found.currency)
    return ControlView(
        signal=found.signal, available=amount, available_micros=found.available_micros
    )


class SessionDetail(SessionView):
    """A session with what the member may still spend, and its earlier incarnations."""

    remaining: Money | None = Field(description="Available to the member, while live.")
    remaining_micros: int | None
    control: ControlView | None = Field(description="While live.")
    prices: dict[str, Any] | None = Field(
        description="Its tariff as the catalogue has it; null when closed, or begun under an older "
        "catalogue."
    )
    earlier: list[SessionView] = Field(description="Earlier incarnations, the newest first.")
    as_known_up_to: str | None = Field(description="Of the warehouse; null when from live state.")


class SessionPage(BaseModel):
    """Sessions: live ones first, then closed ones, the latest first."""

    sessions: list[SessionView]
    as_known_up_to: str | None = Field(description="Closed sessions posted until then are shown.")
    next_cursor: str | None = Field(
        description="Null at the end; a page may be short, or empty, before it."
    )


def currency_of(terms: TenantTerms | None) -> str:
    """The currency of a tenant's live sessions; XXX, no currency, while no catalogue names it."""
    return "XXX" if terms is None else terms.currency


def view_from_live(session: Session, currency: str, telling: Telling) -> SessionView:
    """A session that the shard still knows."""
    counts = {f"page:{name}": n for name, n in session.pages.items()}
    counts |= {f"item:{name}": n for name, n in session.items.items()}
    ended = None if session.is_open else text_from_ms(session.end_ms)
    decided_ms = session.decided_at_ms
    decided = None if decided_ms == UNKNOWN_MS else text_from_ms(decided_ms)
    return SessionView(
        source=session.source,
        session=session.session,
        incarnation=session.incarnation,
        subject=session.member,
        content=session.content or None,
        state="live" if session.is_open else "closed",
        cause=session.cause or None,
        started_at=text_from_ms(session.start_ms),
        last_event_at=text_from_ms(session.last_ms),
        ended_at=ended,
        decided_at=decided,
        duration_ms=0 if session.unpaid else session.end_ms - session.start_ms,
        meters=dict(sorted(totals(session).items())) | dict(sorted(counts.items())),
        charged=money(session.charged_micros, currency),
        charged_micros=session.charged_micros,
        charges=[charge_view(line, currency) for line in session.lines],
        words=telling.of_session(
            session.lines,
            content=session.content,
            currency=currency,
            start_ms=session.start_ms,
            is_open=session.is_open,
        ),
        revision=session.revision,
        is_cut_off=session.is_cut,
    )


def view_from_cdr(cdr: Cdr, charges: list[ChargeLine] | None, telling: Telling) -> SessionView:
    """A closed session as the warehouse knows it."""
    views = None if charges is None else [charge_view(line, cdr.currency) for line in charges]
    words = None
    if charges is not None:
        words = telling.of_session(
            charges,
            content=cdr.content,
            currency=cdr.currency,
            start_ms=cdr.start_ms,
            is_open=False,
        )
    return SessionView(
        source=cdr.source,
        session=cdr.session,
        incarnation=cdr.incarnation,
        subject=cdr.subject,
        content=cdr.content or None,
        state="closed",
        cause=cdr.cause,
        started_at=text_from_ms(cdr.start_ms),
        last_event_at=text_from_ms(cdr.last_event_ms),
        ended_at=text_from_ms(cdr.end_ms),
        decided_at=text_from_ms(cdr.decided_at_ms),
        duration_ms=cdr.duration_ms,
        meters=cdr.meters,
        charged=money(cdr.charged_micros, cdr.currency),
        charged_micros=cdr.charged_micros,
        charges=views,
        words=words,
        revision=cdr.revision,
        is_cut_off=cdr.cause == "cut_off",
    )
