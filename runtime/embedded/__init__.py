"""The embedded stack: real services as supervised child processes, data under one folder.

Invariant: nothing listens beyond the loopback, and no process outlives the one that started it.
It does not own what the services of ours do, nor promise more than one machine can: one broker,
not synced to disk at each write, survives a kill, and not a power cut.
"""
