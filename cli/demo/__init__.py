"""``ncash demo``: the first minute of every new user, on real parts.

Invariant: nothing shown is made up here: figures come from the API, the warehouse and the topics.
"""
