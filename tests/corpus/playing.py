"""Scenes of the standard corpora, played once in a process.

Owns: which seeds, how many sessions. Invariant: six seeds make two scenes of each kind.
"""

from functools import cache

from cli.ends.corpus.plan import Scene
from cli.ends.corpus.scenes import SCENE_SESSIONS, corpus
from cli.ends.found import findings_of
from cli.ends.logs import Logs
from cli.ends.owning import own_shards
from cli.ends.running import played
from cli.ends.score import Score, score_of
from cli.ends.writing import write_logs

SEEDS = range(1, 7)
# Small scenes, for what is not about their size: owners lag, the raw topic lags, collectors fail.
LAGGING, BACKLOGGED, FAILING = 30, 31, 32
FEW = 150


@cache
def standard_score(seed: int) -> Score:
    """Of a full scene of a standard seed."""
    (scene,) = corpus(seed, SCENE_SESSIONS)
    return played(scene)


@cache
def small_scene(seed: int) -> tuple[Scene, Logs]:
    """A small scene in one shard, with the log that collectors write."""
    (scene,) = corpus(seed, FEW)
    scene = scene._replace(shards=1)
    return scene, write_logs(scene)


def small_score(seed: int) -> Score:
    """What owners make of a small scene now, by whatever rules they have."""
    scene, logs = small_scene(seed)
    return score_of(scene, findings_of(own_shards(scene, logs)))
