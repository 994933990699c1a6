"""Signals as server-sent events: a position, a hub, Kafka behind it, and the stream of a client.

Invariant: what a client has not been sent it can have later, from the position that it has.
"""
