"""The house's own linters: what no off-the-shelf tool checks.

Owns: one module per kind of rule, each a pure function from text to a list of findings.
Invariant: a checker reads text and never runs it; every rule has a test that plants a violation.
Does not own: which files a rule applies to; ``tests/unit/test_tidy.py`` says so.
"""
