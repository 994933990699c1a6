"""The ``ncash`` command: the only room that may import all others.

Invariant: a command only wires parts together and shows what they say; rules live elsewhere.
"""
