"""What use costs: tariffs as numbers, sessions as totals, prices as pure functions of both.

Invariant: a price depends on nothing but the compiled tariff and the usage, in whole micro-units.
It does not own money that moved (``wallet``) nor when anything happens (``shard``).
"""
