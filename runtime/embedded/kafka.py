"""The broker as a part: one Kafka process that is broker and controller (KRaft), small and quiet.

Invariant: storage is formatted once; after that the folder's data is only ever opened.
It does not own topics, nor a promise beyond one broker: a record counts once it is in the kernel's
cache, which survives a kill of the broker and not of the machine.
"""

import base64
import functools
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from runtime.embedded.parts import PartSpec
from runtime.embedded.ports import LOOPBACK
from runtime.faults import StackFault

HEAP_MB_MAX = 512
FORMAT_S = 60
READY_ASK_S = 1
_CLUSTER_ID_BYTES = 16

# Memory: the serial collector and small stacks; the dedupe buffer alone would be 128 MB.
# Processor: the quick compiler alone. The thorough one took 2 s of a start and, on two cores, more
# than it gave back in the first half million events.
_JVM = (
    f"-Xmx{HEAP_MB_MAX}m",
    "-Xms96m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:MaxHeapFreeRatio=30",
    "-XX:MinHeapFreeRatio=15",
    "-XX:ReservedCodeCacheSize=64m",
    "-Xss512k",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
)
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}{listened}
advertised.listeners=PLAINTEXT://{host}:{port}{advertised}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT{plain}
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=2000
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
background.threads=2
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.io.buffer.size=65536
log.index.size.max.bytes=2097152
broker.session.timeout.ms=2500
broker.heartbeat.interval.ms=500
"""
_LOG4J = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
"""


class Detour(NamedTuple):
    """A listener for one client alone, which the broker tells it to reach by another port.

    Args:
        name: Of the listener: capital letters, digits and underscores.
        port: Where the broker listens.
        told: What clients that came this way are told; something there must pass bytes on.
    """

    name: str
    port: int
    told: int


class Broker:
    """What is needed to start the broker on a folder.

    Args:
        home: Its folder: configuration and, below it, data.
        java: The program.
        classpath: Kafka's jars.
        port: For clients.
        controller_port: For itself.
        detours: Listeners beside the usual one.
    """

    def __init__(
        self,
        home: Path,
        *,
        java: Path,
        classpath: str,
        port: int,
        controller_port: int,
        detours: Sequence[Detour] = (),
    ) -> None:
        self.bootstrap = f"{LOOPBACK}:{port}"
        self._home = home
        self._data = home / "data"
        self._properties = home / "server.properties"
        self._values = {
            "host": LOOPBACK,
            "port": port,
            "controller_port": controller_port,
            "data": self._data,
            "listened": "".join(f",{each.name}://{LOOPBACK}:{each.port}" for each in detours),
            "advertised": "".join(f",{each.name}://{LOOPBACK}:{each.told}" for each in detours),
            "plain": "".join(f",{each.name}:PLAINTEXT" for each in detours),
        }
        log4j = home / "log4j2.properties"
        options = (*_JVM, f"-Dlog4j2.configurationFile={log4j}")
        self._log4j = log4j
        self._java = (str(java), *options, "-cp", classpath)

    def part(self) -> PartSpec:
        """Give the broker as a part; it starts first."""
        return PartSpec(
            name="kafka",
            argv=(*self._java, "kafka.Kafka", str(self._properties)),
            ready=functools.partial(answers, self.bootstrap),
            prepare=self.prepare,
            order=0,
            ready_ms_max=60_000,
            stop_ms_max=20_000,
            mend="Is the disk full, or less than 1 GB of memory free? Mend it and start again; an "
            "empty data folder gives a fresh broker.",
        )

    def prepare(self) -> None:
        """Write the configuration, and format the storage at the first time; blocks.

        Raises:
            StackFault: The storage cannot be formatted.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        self._properties.write_text(_PROPERTIES.format(**self._values), encoding="utf-8")
        self._log4j.write_text(_LOG4J, encoding="utf-8")
        if (self._data / "meta.properties").exists():
            return
        done = subprocess.run(
            [
                *self._java, "kafka.tools.StorageTool", "format",
                "--cluster-id", _cluster_id(), "--config", str(self._properties),
            ],
            capture_output=True,
            text=True,
            timeout=FORMAT_S,
            check=False,
            # Ctrl-C in a terminal goes to its whole group, and would leave half a storage.
            start_new_session=True,
        )  # fmt: skip
        if done.returncode:
            raise StackFault(f"Kafka's storage in {self._data} cannot be made:\n{done.stderr}")


def answers(bootstrap: str) -> bool:
    """Say whether the broker lists its topics, which it does once it leads its own metadata."""
    admin = AdminClient(
        {
            "bootstrap.servers": bootstrap,
            "log_level": 0,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 100,
        }
    )
    try:
        return bool(admin.list_topics(timeout=READY_ASK_S).brokers)
    except KafkaException:
        return False


def _cluster_id() -> str:
    """A random id of Kafka's form; without dashes, since a first one reads as an option."""
    return (
        base64.urlsafe_b64encode(secrets.token_bytes(_CLUSTER_ID_BYTES))
        .decode()[:22]
        .replace("-", "A")
    )
