"""``ncash bench``: figures with their machine, from the real stack.

Invariant: a figure is printed only with the drift after its run; a rate with drift is no result.
"""
