"""``ncash sql``: questions to the warehouse, reading only."""

import sys
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cli.screen import screen
from cli.stacking import settings_of
from warehouse.endpoint import checked_sql
from warehouse.opening import open_warehouse
from warehouse.port import Reader, WarehouseRefused

PROMPT = "ncash> "


def sql_prompt(query: str, data: Path) -> int:
    """Answers one query, or asks for queries until the end of input.

    Args:
        query: One query, or empty for a prompt.
        data: Folder of an embedded stack; without one the environment says where.

    Returns:
        Exit status: 1 when the one query was refused.

    Raises:
        RecoverableError: The warehouse cannot be reached.
    """
    with closing(open_warehouse(settings_of(data).clickhouse)) as warehouse:
        if query:
            return 0 if _answer(warehouse, query) else 1
        if sys.stdin.isatty():
            screen().print("Tables: SHOW TABLES. Ctrl-D ends.")
        while True:
            try:
                line = input(PROMPT if sys.stdin.isatty() else "")
            except EOFError:
                return 0
            if line.strip():
                _answer(warehouse, line)


def _answer(warehouse: Reader, query: str) -> bool:
    try:
        rows = warehouse.query(checked_sql(query))
    except WarehouseRefused as refused:
        screen().print(str(refused), style="red", markup=False)
        return False
    table = Table(*rows.columns)
    for row in rows.rows:
        table.add_row(*(str(cell) for cell in row))
    Console(soft_wrap=not sys.stdout.isatty()).print(table)
    return True
