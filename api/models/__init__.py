"""Bodies of answers and requests, by noun; pydantic lives here and nowhere deeper.

Invariant: money is decimal text in major units with its currency, and beside it, in a field named
``<name>_micros``, the same in whole micro-units. Times are RFC 3339 in UTC.
"""
