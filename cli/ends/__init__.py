"""``ncash bench ends``: how well silence is found, tried on a labelled corpus of faults."""
