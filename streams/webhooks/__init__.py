"""Signals pushed to content servers: signed, retried, each endpoint on its own."""
