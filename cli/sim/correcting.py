"""Somebody finds that a session was begun under a wrong price, or is wrong about it.

Invariant: what is ordered is chosen by the seed alone. It does not own when (``workload``).
"""

from random import Random

from cli.sim.desk import Order
from cli.sim.market import tariff_of
from cli.sim.steps import Use
from schemas.commands import CorrectPrice

# One in so many orders is wrong in some way.
ODD = 8


def correction(chance: Random, use: Use, version: int, number: int) -> Order:
    """An order to price a session anew.

    Args:
        chance: The workload's own.
        use: The session.
        version: The last catalogue that was published.
        number: Of the order.
    """
    odd = chance.randrange(ODD)
    body = CorrectPrice(
        correction=f"c{number}",
        reason="a price that was wrong",
        tariff="other" if odd == 0 else tariff_of(use.tenant, use.content),
        catalogue=version + 1 if odd == 1 else version,
        source=use.source,
        session="nothing" if odd == ODD - 1 else use.session,
        incarnation=chance.choice((1, 1, 1, 2)),
    )
    return Order(use.tenant, use.member, f"k{number}", body=body)
