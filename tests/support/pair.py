"""Two shards on memory stores, with the way of legs between them.

Everything but the carrying is the product's own code.
"""

from typing import Any

from schemas.ids import ShardId
from tests.support.bench_shard import CATALOGUE, WON, Bench


class Pair:
    """Two shards; ann is of the first, bob of the second."""

    def __init__(self, catalogue: dict[str, Any] = CATALOGUE) -> None:
        self.shards = [Bench(catalogue), Bench(catalogue, shard=ShardId(1))]
        self.carried = [0, 0]

    def carry(self) -> None:
        """Puts each leg that was put out into its target's log, until there is none left."""
        while any(len(each.legs()) > n for each, n in zip(self.shards, self.carried, strict=True)):
            for number, shard in enumerate(self.shards):
                legs = shard.legs()[self.carried[number] :]
                self.carried[number] += len(legs)
                for leg in legs:
                    self.shards[leg.target].feed(leg)

    def cash(self) -> tuple[int, int]:
        """What ann and bob have, in won."""
        wallets = [self.shards[0].wallet("ann"), self.shards[1].wallet("bob")]
        found = [0 if each is None else each.cash_micros // WON for each in wallets]
        return found[0], found[1]

    def transit(self) -> int:
        """What is on its way by the books of both, in won."""
        return sum(
            entry.amount_micros // WON
            for each in self.shards
            for transfer in each.transfers()
            for entry in transfer.entries
            if entry.account == "transit"
        )

    def close(self) -> None:
        """Ends both event loops."""
        for each in self.shards:
            each.close()
