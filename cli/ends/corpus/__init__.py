"""The corpus: made-up senders, networks and clocks, and labels by what reached a collector.

Invariant: it shares no code with what it judges; import-linter holds that. It writes plain
CloudEvents, received times and the lives of collectors, and knows nothing of shards or steps.
"""
