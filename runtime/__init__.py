"""How processes of ours run: settings, time, logs, metrics, Kafka, and the embedded stack.

Invariant: importing this room connects to nothing and starts nothing.
It does not own decisions: nothing here is asked for by a shard's step.
"""
