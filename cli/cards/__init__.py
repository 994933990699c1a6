"""``ncash cards``: prepaid cards made, put on sale, blocked, written off and told of."""
