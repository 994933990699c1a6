"""Names of the topics that are not a shard's output; those are in ``schemas.outputs.Stream``.

Invariant: a topic's name stands in one place of the code; what it is for, in ``infra/topics.yaml``.
"""

RAW_TOPIC = "usage.raw.v1"
LOG_TOPIC = "shard.log.v1"
BODIES_TOPIC = "catalogue.bodies.v1"
INGEST_DEAD_TOPIC = "ingest.dead.v1"
