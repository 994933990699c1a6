"""Tariffs tried out: checked, priced over a file of usage, replayed over a stored period."""
