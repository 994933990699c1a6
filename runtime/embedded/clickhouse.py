"""Where the embedded stack's warehouse is: a ClickHouse server on the PATH, else chDB.

Invariant: a chDB folder is opened by one process alone, the warehouse's; everybody else asks that
process. It does not own tables or queries.
"""

import re
import shutil
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from runtime.embedded.parts import PartSpec
from runtime.embedded.ports import LOOPBACK

UNKNOWN = (0, 0)
VERSION_MIN = (24, 8)
ANSWER_S = 20
PING_S = 1
_VERSION = re.compile(r"version (\d+)\.(\d+)")
_CONFIG = """\
<clickhouse>
    <logger><level>warning</level><console>1</console></logger>
    <listen_host>{host}</listen_host>
    <tcp_port>{port}</tcp_port>
    <http_port>{http_port}</http_port>
    <path>{home}/data/</path>
    <tmp_path>{home}/tmp/</tmp_path>
    <user_files_path>{home}/user_files/</user_files_path>
    <mark_cache_size>67108864</mark_cache_size>
    <max_server_memory_usage>1073741824</max_server_memory_usage>
    <users><default>
        <password></password><networks><ip>127.0.0.1</ip></networks>
        <profile>default</profile><quota>default</quota>
    </default></users>
    <profiles><default/></profiles>
    <quotas><default/></quotas>
</clickhouse>
"""


@dataclass(frozen=True, slots=True)
class Warehouse:
    """Where the warehouse is.

    Args:
        writer: URL for the process that owns it.
        reader: URL for all others.
        sql_port: Where the owning process serves SQL; 0 when a server does that itself.
        parts: What has to be started for it.
    """

    writer: str
    reader: str
    sql_port: int
    parts: tuple[PartSpec, ...]


def chdb_warehouse(home: Path, *, sql_port: int) -> Warehouse:
    """Give the warehouse in a chDB folder."""
    return Warehouse(f"chdb://{home}", f"http://{LOOPBACK}:{sql_port}", sql_port, ())


def server_warehouse(home: Path, *, program: Path, port: int, http_port: int) -> Warehouse:
    """Give the warehouse of a server that the stack starts.

    Args:
        home: Its folder.
        program: ``clickhouse-server`` or ``clickhouse``.
        port: Native protocol.
        http_port: HTTP, asked only for readiness.
    """
    config = home / "config.xml"

    def prepare() -> None:
        home.mkdir(parents=True, exist_ok=True)
        text = _CONFIG.format(host=LOOPBACK, port=port, http_port=http_port, home=home)
        config.write_text(text, encoding="utf-8")

    server = (str(program),) if program.name == "clickhouse-server" else (str(program), "server")
    part = PartSpec(
        name="clickhouse",
        argv=(*server, f"--config-file={config}"),
        ready=lambda: http_answers(f"http://{LOOPBACK}:{http_port}/ping"),
        prepare=prepare,
        order=0,
        ready_ms_max=60_000,
        mend="Take the server off the PATH to use chDB instead, or set NCASH_CLICKHOUSE.",
    )
    url = f"clickhouse://default@{LOOPBACK}:{port}/default"
    return Warehouse(url, url, 0, (part,))


def find_server() -> Path | None:
    """Find a ClickHouse server on the PATH that is new enough; blocks for a moment."""
    for name in ("clickhouse-server", "clickhouse"):
        found = shutil.which(name)
        if found and server_version(Path(found)) >= VERSION_MIN:
            return Path(found)
    return None


def server_version(program: Path) -> tuple[int, int]:
    """Ask a ClickHouse program for its version; ``UNKNOWN`` when it does not say."""
    try:
        answer = subprocess.run(
            [str(program), "--version"],
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return UNKNOWN
    found = _VERSION.search(answer.stdout)
    return (int(found[1]), int(found[2])) if found else UNKNOWN


def http_answers(url: str) -> bool:
    """Say whether an address of the loopback answers a GET with success."""
    try:
        with urllib.request.urlopen(url, timeout=PING_S) as answer:  # noqa: S310
            return bool(answer.status < 300)  # noqa: PLR2004
    except (URLError, OSError, ValueError):
        return False
