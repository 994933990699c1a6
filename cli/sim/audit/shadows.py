"""What shadow tariffs would come to, worked out from all use; and what was said of them.

Invariant: shares nothing with ``shard.shadowing``; a total is made from the whole use, with the
auditor's own prices. That no wallet moved needs no check here: every balance is held against what
the real tariffs alone come to (``checks``).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cli.sim.audit.lives import Life
from cli.sim.audit.prices import NO_USE, Tariff, Totals, cost, days, share
from schemas.applied import Applied, ShadowCharge

Scope = tuple[str, ...]


@dataclass
class Shadows:
    """Shadows of one shard's use outside sessions, and of passes.

    Args:
        loose: What use outside sessions comes to, by tenant, member and content.
        provided: Providers' part of it.
        passes: Price by tenant, member, tariff and day, with the providers' part.
    """

    loose: Counter[Scope] = field(default_factory=Counter[Scope])
    provided: Counter[Scope] = field(default_factory=Counter[Scope])
    passes: dict[Scope, tuple[int, int]] = field(default_factory=dict[Scope, tuple[int, int]])

    def use(self, member: tuple[str, str], tariff: Tariff, used: Totals) -> None:
        """Use outside sessions, under its content's real tariff."""
        if tariff.shadow is not None:
            scope = ("loose", *member, tariff.content)
            amount = cost(tariff.shadow, used)
            self.loose[scope] += amount
            self.provided[scope] += share(tariff.shadow, amount)

    def buy_passes(
        self, member: tuple[str, str], tariff: Tariff, first_ms: int, last_ms: int
    ) -> None:
        """A shadow's pass for every day that a use touches, once."""
        shadow = tariff.shadow
        price = None if shadow is None else shadow.pass_price
        if shadow is not None and price is not None:
            for day in days(shadow, first_ms, last_ms):
                scope = ("pass", *member, str(shadow.words["id"]), day)
                self.passes.setdefault(scope, (price, share(shadow, price)))

    def expected(self, lives: Iterable[Life]) -> tuple[Counter[Scope], Counter[Scope]]:
        """Amounts and providers' parts by scope."""
        amounts, parts = Counter(self.loose), Counter(self.provided)
        for scope, (price, part) in self.passes.items():
            amounts[scope], parts[scope] = price, part
        for life in lives:
            shadow = None if life.tariff is None else life.tariff.shadow
            if shadow is not None:
                scope = ("session", *life.name, str(life.number))
                amounts[scope] = cost(shadow, NO_USE if life.is_free else life.used())
                parts[scope] = share(shadow, amounts[scope])
        return amounts, parts


def check_shadows(
    shadows: Shadows, lives: Iterable[Life], applied: Iterable[tuple[int, Applied]]
) -> Iterator[str]:
    """What was told of each scope in all is its shadow's price, by lines and by amounts."""
    amounts: Counter[Scope] = Counter()
    lined: Counter[Scope] = Counter()
    parts: Counter[Scope] = Counter()
    for sequence, item in applied:
        if isinstance(item, ShadowCharge):
            if item.fault:
                yield f"shadow charge {sequence}: {item.fault}"
            scope = _scope_of(item)
            amounts[scope] += item.amount_micros
            lined[scope] += sum(line.amount_micros for line in item.lines)
            parts[scope] += item.provider_micros
    expected, expected_parts = shadows.expected(lives)
    for scope in sorted({*amounts, *expected}):
        if not amounts[scope] == lined[scope] == expected[scope]:
            yield (
                f"shadow of {'/'.join(scope)}: {amounts[scope]}, lines of {lined[scope]}, "
                f"must be {expected[scope]}"
            )
        if parts[scope] != expected_parts[scope]:
            yield (
                f"shadow of {'/'.join(scope)}: provider's part {parts[scope]}, "
                f"must be {expected_parts[scope]}"
            )


def _scope_of(charge: ShadowCharge) -> Scope:
    member = (charge.tenant, charge.member)
    if charge.scope == "session":
        return "session", *member, charge.source, charge.session, str(charge.incarnation)
    if charge.scope.startswith("pass:"):
        _, tariff, day = charge.scope.split(":", 2)
        return "pass", *member, tariff, day
    return "loose", *member, charge.content
