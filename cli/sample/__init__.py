"""The sample catalogue and the two recordings of the demo."""

from importlib.resources import files

CATALOGUE = "catalogue.json"
WEB_RECORDING = "web-access.log"
MODEL_RECORDING = "llm-conversation.csv"


def sample_bytes(name: str) -> bytes:
    """A sample file's bytes.

    Args:
        name: One of this module's constants.
    """
    return files(__name__).joinpath(name).read_bytes()
