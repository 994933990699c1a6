"""``python -m runtime.embedded.relock``: renew ``kafka_jars.lock`` after a change of its roots.

Invariant: fetches everything into an empty folder, so that no changed cache gets into the lock.
It does not own which versions: ``jars.ROOTS`` names them, a person reads the difference.
"""

import tempfile
from pathlib import Path

from runtime.embedded.jars import LOCK_FILE, resolve_lock

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        LOCK_FILE.write_text(resolve_lock(Path(folder)), encoding="utf-8")
