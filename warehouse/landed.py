"""What of a table has landed already, asked before rows are written a second time.

Owns: looking rows up by their place, and waiting out an insert whose sender is gone.
Invariant: an answer given while an insert into the table still runs is never used.
Does not own: deciding what to write.
"""

from collections.abc import Mapping

from warehouse.port import Reader, WarehouseUnavailable
from warehouse.rows import Table


def landed_from(reader: Reader, table: Table, bounds: Mapping[int, int]) -> set[tuple[int, int]]:
    """The places of a table's rows from a bound on.

    Args:
        reader: The warehouse.
        table: One table.
        bounds: By shard, the first sequence to look for.

    Returns:
        Pairs of shard and sequence.

    Raises:
        WarehouseUnavailable: No answer, or an insert into the table still runs: ask again.
    """
    if not bounds:
        return set()
    [[running]] = reader.query(
        "SELECT count() FROM system.processes WHERE query LIKE %(begins)s",
        {"begins": f"INSERT INTO {table.name} %"},
    ).rows
    if running:
        raise WarehouseUnavailable(f"an insert into {table.name} still runs")
    shard, sequence = table.shard_column, table.sequence_column
    # Names are ours and bounds are whole numbers, so nothing here can carry SQL.
    wanted = " OR ".join(
        f"({shard} = {int(key)} AND {sequence} >= {int(bound)})"
        for key, bound in sorted(bounds.items())
    )
    answer = reader.query(
        f"SELECT DISTINCT {shard}, {sequence} FROM {table.name} WHERE {wanted}"  # noqa: S608
    )
    return {(int(str(key)), int(str(place))) for key, place in answer.rows}
