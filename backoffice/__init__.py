"""The back office: catalogue, members, payments, refunds and settlements in SQL.

Owns: workflows, which the database of this room keeps.
Invariant: SQL owns workflows, the ledger owns money; between them go commands with the workflow's
id as key.
Does not own: balances, prices, sessions.
"""
