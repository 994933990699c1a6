"""What a member reads of an entry, made from its charge lines and names alone.

Invariant: pure; a sentence is true of its own entry, and tells nothing of what others moved.
``sentences`` makes them, ``english`` and ``korean`` hold what a language says and how.
"""
