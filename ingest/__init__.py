"""Edges where usage enters: HTTP, Kafka and recordings; checked, stamped, framed, published.

Invariant: an event is answered or committed only after Kafka has it, and a bad event never loses
a good one. It does not own what usage costs, nor any state that must outlive the process.
"""
