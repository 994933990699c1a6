"""What a person sees of the first start: what is fetched, how large, where it is kept, with a bar.

Invariant: says nothing and asks nothing of the network when everything is in the cache.
It does not own the fetching; ``jars.py`` does.
"""

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from runtime.embedded.jars import ROOTS, JarCache, cache_folder, locked_jars

_MB = 1_000_000


def fetched_kafka(console: Console | None = None) -> JarCache:
    """Give Kafka's jars, fetching those that are missing with a bar; blocks.

    Args:
        console: Where to say it; None is standard error.

    Raises:
        StackFault: A jar cannot be fetched, or is not the one that the lock names.
    """
    cache = JarCache(cache_folder(), locked_jars())
    missing = cache.missing()
    if not missing:
        return cache
    console = console or Console(stderr=True)
    size = sum(jar.size_bytes for jar in missing)
    version = ROOTS[0].rpartition(":")[2]
    console.print(
        f"First start: fetching Apache Kafka {version} ({len(missing)} jars, {size / _MB:.0f} MB) "
        f"by jgo, checked by hash, kept in {cache.folder}",
        highlight=False,
        soft_wrap=True,
    )
    columns = (
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Kafka", total=size)
        cache.fetch(lambda done, _total: progress.update(task, completed=done))
    return cache
