"""Kafka's jars: pinned by hash in ``kafka_jars.lock``, fetched once by jgo, kept in a cache folder.

Each line of the lock is ``sha256 bytes group:artifact:version``. Invariant: only a jar that has the
lock's hash is ever given to Java; with all of them in the cache, nothing is asked of the network.
It does not own where jars come from: that is jgo's configuration (``jgo.conf``, proxies).
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec
from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import MavenContext, PythonResolver
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from runtime.faults import StackFault

LOCK_FILE = Path(__file__).with_name("kafka_jars.lock")
FETCHES_AT_ONCE = 4
FETCH_ATTEMPTS = 3
REQUEST_S = 30
# Kafka brings an interface for logs and nothing behind it; the second line is what Kafka's own
# distribution puts there. It is resolved alone: jgo takes what one root says about versions as
# said about the other's dependencies too, which would bring an old kafka-clients.
ROOTS = (
    "org.apache.kafka:kafka_2.13:4.4.0",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5",
)

Report = Callable[[int, int], None]
"""Called with (bytes so far, bytes in all)."""


class LockedJar(msgspec.Struct, frozen=True):
    """One line of the lock."""

    sha256: str
    size_bytes: int
    coordinate: str


def cache_folder() -> Path:
    """Give the user's cache folder for what is fetched."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "ncash" / "maven"


def locked_jars(path: Path = LOCK_FILE) -> tuple[LockedJar, ...]:
    """Read the lock.

    Raises:
        StackFault: It is missing or a line is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        fields = [line.split() for line in lines if line and not line.startswith("#")]
        return tuple(LockedJar(digest, int(size), name) for digest, size, name in fields)
    except (OSError, ValueError) as error:
        raise StackFault(f"{path.name} cannot be read: {error}") from error


class JarCache:
    """The jars on this machine.

    Args:
        folder: Laid out as a Maven repository.
        jars: What should be in it.
    """

    def __init__(self, folder: Path, jars: Sequence[LockedJar]) -> None:
        self.folder = folder
        self.jars = jars

    def path(self, jar: LockedJar) -> Path:
        """Give a jar's place."""
        group, artifact, version = jar.coordinate.split(":")
        return self.folder.joinpath(
            *group.split("."), artifact, version, f"{artifact}-{version}.jar"
        )

    def missing(self) -> list[LockedJar]:
        """List the jars that are not there, or not what the lock says."""
        return [jar for jar in self.jars if not _matches(self.path(jar), jar)]

    def classpath(self) -> str:
        """Give Java's class path of all jars."""
        return os.pathsep.join(str(self.path(jar)) for jar in self.jars)

    def fetch(self, report: Report) -> None:
        """Fetch what is missing; blocks. Two processes take turns.

        Args:
            report: Called from several threads, one at a time.

        Raises:
            StackFault: A jar cannot be fetched, or has another hash.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            missing = self.missing()
            count = _Counter(sum(jar.size_bytes for jar in missing), report)
            context = _maven(self.folder, PythonResolver(progress_callback=count.of_file))
            with ThreadPoolExecutor(FETCHES_AT_ONCE) as pool:
                fetches = [pool.submit(self._fetch_one, context, jar) for jar in missing]
            for fetch in fetches:
                fetch.result()

    def _fetch_one(self, context: MavenContext, jar: LockedJar) -> None:
        try:
            _retrying(self._download, context, jar)
        except (OSError, RuntimeError) as error:
            raise StackFault(
                f"{jar.coordinate} could not be fetched: {error}. The first start needs the "
                "network; set HTTPS_PROXY or jgo.conf if yours is special"
            ) from error
        if not _matches(self.path(jar), jar):
            self.path(jar).unlink(missing_ok=True)
            raise StackFault(
                f"{jar.coordinate} is not the file that {LOCK_FILE.name} names (its SHA-256 "
                "differs); it was thrown away. Find out who serves you another file"
            )

    def _download(self, context: MavenContext, jar: LockedJar) -> None:
        # What is there is half a download, or a changed file.
        self.path(jar).unlink(missing_ok=True)
        context.create_dependency(jar.coordinate).artifact.resolve()


_retrying = Retrying(
    stop=stop_after_attempt(FETCH_ATTEMPTS),
    wait=wait_random_exponential(multiplier=0.5, max=5),
    retry=retry_if_exception_type((OSError, RuntimeError)),
    reraise=True,
)


class _Counter:
    """Adds up the bytes of several downloads."""

    def __init__(self, total: int, report: Report) -> None:
        self._total = total
        self._report = report
        self._done = 0

    @contextmanager
    def of_file(self, _name: str, _size: int) -> Generator[Callable[[int], None]]:
        yield self._add

    def _add(self, size: int) -> None:
        self._done += size
        self._report(self._done, self._total)


def resolve_lock(folder: Path) -> str:
    """Resolve ``ROOTS`` anew, fetch everything, and give the text of a new lock.

    Args:
        folder: A Maven repository to fetch into; best an empty one.
    """
    context = _maven(folder, PythonResolver())
    kafka, *others = (context.create_dependency(root) for root in ROOTS)
    resolved, transitive = context.resolver.resolve([kafka])
    lines = ["# Kafka and what it runs on: sha256, bytes, Maven coordinate. See jars.py."]
    wanted = [*resolved, *(dep for dep in transitive if not dep.optional), *others]
    for dependency in sorted(wanted, key=lambda dep: (dep.groupId, dep.artifactId)):
        path = dependency.artifact.resolve()
        name = f"{dependency.groupId}:{dependency.artifactId}:{dependency.version}"
        lines.append(f"{_sha256(path)} {path.stat().st_size} {name}")
    return "\n".join(lines) + "\n"


def _maven(folder: Path, resolver: PythonResolver) -> MavenContext:
    repositories = GlobalSettings.load().repositories
    return MavenContext(
        resolver=resolver,
        repo_cache=folder,
        remote_repos={"central": MAVEN_CENTRAL_URL, **repositories},
        timeout=REQUEST_S,
    )


def _matches(path: Path, jar: LockedJar) -> bool:
    return path.is_file() and path.stat().st_size == jar.size_bytes and _sha256(path) == jar.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
