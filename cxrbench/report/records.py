"""The figures of a report as a table that any program reads."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from cxrbench.folders import write_atomically
from cxrbench.report.results import Record, Results


def write_records(file: Path, results: Results) -> None:
    """The records as CSV, one row each and one column per key; ``values`` as numbers with semicolons between."""
    rows = [one.model_dump() | {"values": ";".join(map(repr, one.values))} for one in results.records]
    buffer = io.StringIO()
    table = csv.DictWriter(buffer, list(Record.model_fields), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_atomically(file, buffer.getvalue())
