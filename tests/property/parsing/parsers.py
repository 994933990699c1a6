"""All parsers, by name; as a program, their names."""

import sys

from tests.property.parsing.documents import DOCUMENTS
from tests.property.parsing.parser import Parser
from tests.property.parsing.usage import USAGE
from tests.property.parsing.wire import WIRE

PARSERS: dict[str, Parser] = {each.name: each for each in (*USAGE, *WIRE, *DOCUMENTS)}

if __name__ == "__main__":
    sys.stdout.write("\n".join(PARSERS) + "\n")
