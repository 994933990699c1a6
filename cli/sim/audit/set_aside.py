"""Money that members have set aside, by the log's commands and ticks alone.

Invariant: shares no rule with ``wallet.holds`` or ``shard.holding``; what a hold comes to is worked
out from the commands about it, in the order of the log.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from cli.sim.audit.logged import Member
from cli.sim.audit.purses import Lot
from cli.sim.audit.terms import Tariff
from schemas.commands import CaptureHold, PlaceHold, ReleaseHold, Reserve

MOST = 64
VALID_MS_MAX = 30 * 86_400_000


@dataclass
class Kept:
    """A hold."""

    number: int
    left: int
    expires_ms: int
    content: str
    provider: str
    ppm: int
    captured: int = 0
    times: int = 0
    is_over: bool = False


@dataclass
class SetAside:
    """All holds of one shard.

    Attributes:
        taken: All that was captured of a hold, by member and number, with its terms.
    """

    taken: dict[tuple[Member, int], Kept] = field(default_factory=dict[tuple[Member, int], Kept])
    _kept: dict[Member, list[Kept]] = field(default_factory=dict[Member, list[Kept]])
    _made: dict[Member, int] = field(default_factory=dict[Member, int])

    def deal(
        self,
        member: Member,
        body: Reserve,
        sold: Mapping[str, Tariff],
        now_ms: int,
        left: Callable[[Tariff | None, int], int | None],
    ) -> tuple[str, str]:
        """How a command about a hold ends, and why if it is refused.

        Args:
            member: Whose.
            body: Of the command.
            sold: Terms in force by content.
            now_ms: When.
            left: What there is for a content at a moment, with the credit; None: it is frozen.
        """
        reason, done = "", "done"
        match body:
            case PlaceHold():
                terms = sold.get(body.content)
                there = left(terms, now_ms + body.valid_ms)
                reason = self.place(member, body, terms, now_ms, there)
            case CaptureHold():
                reason, done = self.capture(member, body), "posted"
            case ReleaseHold():
                reason = self.release(member, body)
        return ("refused", reason) if reason else (done, "")

    def place(
        self, member: Member, body: PlaceHold, tariff: Tariff | None, now_ms: int, left: int | None
    ) -> str:
        """Why a hold is not placed, or nothing: then it is.

        Args:
            member: Whose.
            body: What is asked.
            tariff: Of the content, in force; None where nobody sells it.
            now_ms: When.
            left: What there is for it, with the credit, at its end; None: it is frozen.
        """
        if body.content and tariff is None:
            return "content-unknown"
        if body.amount_micros <= 0:
            return "amount-invalid"
        if not 0 < body.valid_ms <= VALID_MS_MAX:
            return "validity-invalid"
        if left is None:
            return "wallet-frozen"
        if left < body.amount_micros:
            return "insufficient-funds"
        kept = self._kept.setdefault(member, [])
        if len(kept) >= MOST:
            over = sorted((each.expires_ms, each.number) for each in kept if each.is_over)
            if not over:
                return "holds-too-many"
            kept[:] = [each for each in kept if each.number != over[0][1]]
        number = self._made[member] = self._made.get(member, 0) + 1
        provider, ppm = body.provider, 1_000_000 if body.provider else 0
        if tariff is not None and body.content:
            provider, ppm = tariff.provider, _ppm_at(tariff, now_ms)
        ends_ms = now_ms + body.valid_ms
        kept.append(Kept(number, body.amount_micros, ends_ms, body.content, provider, ppm))
        return ""

    def capture(self, member: Member, body: CaptureHold) -> str:
        """Why nothing is captured, or nothing: then it is."""
        hold = self._of(member, body.hold)
        if hold is None:
            return "hold-unknown"
        if body.amount_micros <= 0:
            return "amount-invalid"
        if body.amount_micros > hold.left:
            return "amount-too-large"
        hold.left -= body.amount_micros
        hold.captured += body.amount_micros
        hold.times += 1
        self.taken[member, hold.number] = hold
        if body.is_final or not hold.left:
            self._forget(member, hold)
        return ""

    def release(self, member: Member, body: ReleaseHold) -> str:
        """Why nothing is released, or nothing: then it is."""
        hold = self._of(member, body.hold)
        if hold is None:
            return "hold-unknown"
        self._forget(member, hold)
        return ""

    def tick(self, low_ms: int | None, horizons_ms: dict[str, int]) -> None:
        """Ends what is over, and forgets it a horizon later."""
        if low_ms is None:
            return
        for (tenant, _), kept in self._kept.items():
            for hold in [*kept]:
                hold.is_over |= hold.expires_ms <= low_ms
                if hold.expires_ms + horizons_ms[tenant] <= low_ms:
                    kept.remove(hold)

    def held(self, member: Member, lots: list[Lot], content: str, provider: str, at_ms: int) -> int:
        """What a use may not spend of what could pay for it.

        Args:
            member: Whose.
            lots: What they hold, in the order of spending.
            content: That is used.
            provider: Of it.
            at_ms: When.
        """
        fitting = {lot.number for lot in lots if lot.pays(content, provider, at_ms)}
        return sum(left for _, left in self._needs(member, lots, fitting))

    def kept(self, member: Member, lots: list[Lot], fitting: set[int]) -> Counter[int]:
        """What a use leaves in lots, by number, as long as other money pays for it.

        Args:
            member: Whose.
            lots: What they hold, in the order of spending.
            fitting: Those that may pay for the use.
        """
        found: Counter[int] = Counter()
        for hold, needed in self._needs(member, lots, fitting):
            left = needed
            for lot in lots[::-1]:
                if lot.number in fitting and lot.pays(hold.content, hold.provider, hold.expires_ms):
                    part = min(left, lot.left - found[lot.number])
                    found[lot.number] += part
                    left -= part
        return found

    def _needs(
        self, member: Member, lots: list[Lot], fitting: set[int]
    ) -> Iterator[tuple[Kept, int]]:
        """Of each live hold what lots that are not for a use leave open, as long as it lasts."""
        others = {lot.number: lot.left for lot in lots if lot.number not in fitting}
        for hold in self.live(member):
            left = hold.left
            for lot in lots:
                ends_later = lot.pays(hold.content, hold.provider, hold.expires_ms)
                part = min(left, others.get(lot.number, 0)) if ends_later else 0
                left -= part
                if part:
                    others[lot.number] -= part
            yield hold, left

    def live(self, member: Member) -> Iterator[Kept]:
        """Holds that keep money from being spent."""
        return (each for each in self._kept.get(member, ()) if not each.is_over)

    def all_kept(self, member: Member) -> list[Kept]:
        """Those, and the ones that ended lately."""
        return self._kept.get(member, [])

    def _of(self, member: Member, number: int) -> Kept | None:
        return next((e for e in self._kept.get(member, ()) if e.number == number), None)

    def _forget(self, member: Member, hold: Kept) -> None:
        self._kept[member].remove(hold)


def _ppm_at(tariff: Tariff, at_ms: int) -> int:
    return [each for each in tariff.versions if each.from_ms <= at_ms][-1].provider_ppm
