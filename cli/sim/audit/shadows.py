"""What shadow tariffs would come to, worked out from all use; and what was said of them.

Invariant: shares nothing with ``shard.shadowing``; a total is made from the whole use, with the
auditor's own prices, in accounts of its own. That no wallet moved needs no check here: every
balance is held against what the real tariffs alone come to (``checks``).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from cli.sim.audit.accounts import Accounts
from cli.sim.audit.lives import Life
from cli.sim.audit.periods import brought_by, rules_of
from cli.sim.audit.prices import NOTHING, price_of
from cli.sim.audit.terms import PPM, Tariff, announced
from schemas.applied import Applied, ShadowCharge
from schemas.usage import UsageEvent

Scope = tuple[str, ...]


@dataclass
class Shadows:
    """Shadows of one shard's use.

    Args:
        accounts: As if the shadow tariffs were the real ones; nobody pays by them.
        periodic: Kind and meter of lines of calendar periods, by shadow tariff.
    """

    accounts: Accounts = field(default_factory=Accounts)
    periodic: dict[str, set[tuple[str, str]]] = field(
        default_factory=dict[str, set[tuple[str, str]]]
    )

    def use(self, event: UsageEvent, tariff: Tariff) -> None:
        """Use outside sessions, under its content's real tariff."""
        if tariff.shadow is not None:
            self._note(tariff.shadow)
            self.accounts.use(event, tariff.shadow)

    def buy_passes(self, life: Life, to_ms: int) -> None:
        """A shadow's pass for every period that a life touches, once."""
        if life.tariff is not None and life.tariff.shadow is not None:
            member = (life.name.tenant, life.name.member)
            self.accounts.buy_passes(member, life.tariff.shadow, life.first_ms, to_ms)

    def settle(self, life: Life, in_force: Tariff) -> None:
        """Notes the terms of the periods that a life brings something into."""
        shadow = shadow_life(life)
        if shadow is not None and in_force.shadow is not None:
            self._note(in_force.shadow)
            member = (life.name.tenant, life.name.member)
            self.accounts.begin_periods(member, in_force.shadow, shadow.brought)

    def _note(self, tariff: Tariff) -> None:
        rules = {(rule.kind, rule.meter) for rule in rules_of(tariff) if rule.kind == "volume"}
        self.periodic.setdefault(tariff.id, set()).update(rules)

    def expected(self, lives: Iterable[Life]) -> tuple[Counter[Scope], Counter[Scope]]:
        """Amounts by scope, and providers' parts by member and shadow tariff."""
        amounts: Counter[Scope] = Counter()
        parts: Counter[Scope] = Counter()
        shadows = [each for each in map(shadow_life, lives) if each is not None]
        for life in shadows:
            assert life.terms is not None
            amounts["session", *life.name, str(life.number)] += life.price.total
            parts[life.name.tenant, life.name.member, life.terms.id] += life.price.provider
        for each in self.accounts.loose:
            amounts["loose", *each.member, each.tariff.content] += each.price.total
            parts[*each.member, each.tariff.id] += each.price.provider
        for (member, tariff, name), (terms, line) in self.accounts.passes.items():
            amounts["pass", *member, tariff, name] += line.amount
            part = line.amount * terms.versions[0].provider_ppm // PPM
            parts[*member, tariff] += part
        for (member, tariff, _), period in self.accounts.periods(shadows).items():
            amounts["periods", *member, tariff] += period.total
            parts[*member, tariff] += sum(period.providers.values())
        return amounts, parts


def shadow_life(life: Life) -> Life | None:
    """A life as its shadow tariff prices it; None where it has none."""
    tariff = life.tariff
    if tariff is None or tariff.shadow is None:
        return None
    terms = announced(tariff.shadow, life.version, life.name.tenant, life.came_ms)
    if life.is_free:
        return replace(life, terms=terms, price=NOTHING, brought={})
    return replace(
        life, terms=terms, price=price_of(terms, life.use), brought=brought_by(terms, life.use)
    )


def check_shadows(
    shadows: Shadows, lives: Iterable[Life], applied: Iterable[tuple[int, Applied]]
) -> Iterator[str]:
    """What was told of each scope in all is its shadow's price, by lines and by amounts."""
    amounts: Counter[Scope] = Counter()
    parts: Counter[Scope] = Counter()
    for sequence, item in applied:
        if not isinstance(item, ShadowCharge):
            continue
        if item.fault:
            yield f"shadow charge {sequence}: {item.fault}"
        if item.amount_micros != sum(line.amount_micros for line in item.lines):
            yield f"shadow charge {sequence}: {item.amount_micros} is not the sum of its lines"
        owner = (item.tenant, item.member, item.tariff)
        parts[owner] += item.provider_micros
        for line in item.lines:
            is_cap = line.kind == "cap" and line.meter != "session"
            known = shadows.periodic.get(item.tariff, set())
            is_shared = is_cap or (line.kind, line.meter) in known
            amounts[("periods", *owner) if is_shared else _scope_of(item)] += line.amount_micros
    must_amounts, must_parts = shadows.expected(lives)
    for what, said, must in (("", amounts, must_amounts), ("part ", parts, must_parts)):
        for scope in sorted({*said, *must}):
            if said[scope] != must[scope]:
                yield f"shadow {what}{'/'.join(scope)}: {said[scope]}, must be {must[scope]}"


def _scope_of(charge: ShadowCharge) -> Scope:
    member = (charge.tenant, charge.member)
    if charge.scope == "session":
        return "session", *member, charge.source, charge.session, str(charge.incarnation)
    if charge.scope.startswith("pass:"):
        _, tariff, name = charge.scope.split(":", 2)
        return "pass", *member, tariff, name
    return "loose", *member, charge.content
