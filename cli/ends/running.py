"""Plays scenes of the corpus through the product and marks what it made of them."""

from collections.abc import Iterator

from cli.ends.corpus.plan import Scene
from cli.ends.corpus.scenes import corpus
from cli.ends.found import findings_of
from cli.ends.owning import own_shards
from cli.ends.score import Score, score_of
from cli.ends.writing import write_logs


def played(scene: Scene) -> Score:
    """One scene: collected, owned, read, marked."""
    return score_of(scene, findings_of(own_shards(scene, write_logs(scene))))


def scored(seed: int, sessions: int) -> Iterator[tuple[str, Score]]:
    """Name and score of each scene of a corpus, as they are played."""
    for scene in corpus(seed, sessions):
        yield scene.name, played(scene)
