"""What a wallet holds and what of it may be spent.

Invariant: ``available`` is the one answer to "may this be spent"; nobody else computes it.
"""

from schemas.money import AMOUNT_MAX
from wallet.lots import CAPTURE, EVER, Lot, Use, fits, is_expired
from wallet.wallet import Wallet


def posted(wallet: Wallet) -> int:
    """What entries have moved, in micro-units: all lots less debt; negative in debt."""
    return wallet.lots_micros - wallet.debt_micros


def spendable(wallet: Wallet, use: Use) -> int:
    """What the lots hold that may pay for a use, in micro-units."""
    return sum(lot.amount_micros for lot in wallet.lots if fits(lot, use))


def held(wallet: Wallet, use: Use) -> int:
    """What of the lots that may pay for a use is set aside for others, in micro-units.

    A hold is covered first by lots that may pay for it, up to its end, and not for this use. What
    stands behind the grant of the session that uses it is not set aside for others.
    """
    if not wallet.holds:
        return 0
    return sum(left for _, left in _uncovered(wallet, use))


def left_to_holds(wallet: Wallet, use: Use) -> dict[int, int]:
    """What a use leaves in lots, by number, while any other money may pay for it.

    Of the lots that may pay for a hold those are left that the use would come to last. Empty where
    the order of spending leaves enough by itself.
    """
    if not wallet.holds or wallet.is_plain:
        return {}
    kept: dict[int, int] = {}
    for its_use, needed in _uncovered(wallet, use):
        left = needed
        for lot in reversed(wallet.lots):
            part = min(left, lot.amount_micros - kept.get(lot.id, 0))
            if part and fits(lot, use) and fits(lot, its_use):
                kept[lot.id] = kept.get(lot.id, 0) + part
                left -= part
    return kept


def available(wallet: Wallet, credit_limit_micros: int, use: Use) -> int:
    """What may still be spent: spendable lots, less holds, plus the credit limit, less debt.

    Nothing of a frozen wallet may be spent. A lot that pays for some kinds of charges alone counts
    whole where the use may be of one of them. Where some kinds of money alone may pay, credit is
    none of them, and debt counts as far as it is beyond the limit.

    Args:
        wallet: Whose.
        credit_limit_micros: How far below zero it may go, at least 0.
        use: What for, and when.

    Returns:
        Micro-units; negative when use went beyond the limit. At most the largest amount, beyond
        which nothing can be asked for at once.
    """
    left = credit_limit_micros - wallet.debt_micros
    if use.buckets:
        left = min(0, left)
    free = spendable(wallet, use) - held(wallet, use) + left
    return min(free, 0 if wallet.frozen else AMOUNT_MAX)


def leaving(wallet: Wallet, buckets: frozenset[str], at_ms: int) -> list[Lot]:
    """Lots of some kinds of money that may leave the wallet, in the order in which they do.

    What ends sooner goes first, so that what is set aside is left what lasts; what is meant for
    something does not leave.

    Args:
        wallet: Whose.
        buckets: Kinds of money that may.
        at_ms: When.
    """
    lots = (
        lot
        for lot in wallet.lots
        if lot.bucket in buckets and lot.only is None and not is_expired(lot, at_ms)
    )
    return sorted(lots, key=lambda lot: (not lot.expires_ms, lot.expires_ms, lot.id))


def lasting(wallet: Wallet) -> int:
    """What is there without credit, for whatever and however long, beyond holds and debt.

    Money that ends some day, or is not for what a hold is for, does not stand in for it.
    """
    return available(wallet, 0, EVER._replace(kinds=CAPTURE))


def giveable(wallet: Wallet) -> int:
    """Cash that may leave for another's wallet, without credit.

    Cash goes as cash, whatever else would be spent before it.
    """
    return min(wallet.cash_micros, lasting(wallet))


def _uncovered(wallet: Wallet, use: Use) -> list[tuple[Use, int]]:
    """Of each hold, what it may be used for, and what lots that are not for this use leave open."""
    beside = {lot.id: lot.amount_micros for lot in wallet.lots if not fits(lot, use)}
    found: list[tuple[Use, int]] = []
    for hold in wallet.holds:
        if hold.session and hold.session == use.session:
            continue
        left = hold.held_micros
        # What ends before it would not be there when it is captured.
        kinds = dict.fromkeys(hold.kinds, 0) if hold.session else CAPTURE
        its_use = Use(
            hold.expires_ms, hold.content, hold.provider, kinds, buckets=hold.buckets
        )  # fmt: skip
        for lot in wallet.lots if beside else ():
            if left and beside.get(lot.id) and fits(lot, its_use):
                part = min(left, beside[lot.id])
                beside[lot.id] -= part
                left -= part
        found.append((its_use, left))
    return found
