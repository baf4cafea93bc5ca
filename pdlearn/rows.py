"""Tables as CSV files."""

import csv
from pathlib import Path


def read_rows(path: Path) -> list[dict]:
    """Return the rows of the CSV file `path`, values as strings; [] if there is no such file."""
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: list[dict]) -> None:
    """Write `rows`, which all have the same keys, as a CSV file; make its folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
