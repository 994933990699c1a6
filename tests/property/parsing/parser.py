"""What a parser is to its tests: a reader of bytes, and the refusals that it has told of.

Invariant: for any bytes a parser takes them, or raises one of its refusals; what else it raises is
a defect. Its reader also asserts what holds of all that it takes, such as a way there and back.
It does not own where the bytes come from: hypothesis, atheris, or the corpus.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True, slots=True)
class Parser:
    """One way in.

    Args:
        name: Of it, and of its folder in the corpus.
        read: Reads bytes; asserts what holds of what it took.
        refusals: All that it may raise.
    """

    name: str
    read: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...] = ()

    def takes(self, body: bytes) -> bool:
        """Whether the bytes are taken; anything but a refusal goes on its way."""
        try:
            self.read(body)
        except self.refusals:
            return False
        return True

    def corpus(self) -> list[Path]:
        """Its kept inputs; at least one."""
        found = sorted((CORPUS / self.name).iterdir())
        assert found, f"no corpus of {self.name}"
        return found


@contextmanager
def file_of(body: bytes, name: str = "file.json") -> Generator[Path]:
    """A file with these bytes, for the length of a block.

    Args:
        body: Its content.
        name: Its name.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(body)
        yield path
