"""``ncash chaos``: the real stack under load, broken on purpose, and checked afterwards."""
