"""The auditor: works out from what was sent and logged what must be there, and compares."""
