"""Tables: CSV files, and Markdown for pages."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pdlearn.files import as_path, read_bytes, refuse_special, write_bytes

END_BYTES = 4_096  # more than a row


def read_rows(path: Path, *, growing: bool = False) -> list[dict]:
    """Return the rows of the CSV file `path`, values as strings; [] if there is no such file.

    Of a `growing` file, which another process may be writing or have left torn, a last line without
    an end is left out. Raises ValueError for rows of different lengths and text that is not UTF-8.
    """
    path = as_path(path)
    if not path.exists():
        return []
    data = read_bytes(path)
    if growing:
        data = data[: data.rfind(b"\n") + 1]
    try:
        text = data.decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: expected a CSV file ({error})") from error
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():
            raise ValueError(f"{path}: row {number} has not as many values as the header has names")
    return rows


def newest_row(path: Path) -> dict | None:
    """Return the last whole row of a growing CSV file, values as strings; None if there is none.

    Reads only the header and the end, so that it can be called every second.
    """
    if not path.is_file():
        return None
    with open(path, "rb") as file:
        header = file.readline()
        file.seek(max(file.tell(), path.stat().st_size - END_BYTES))
        lines = file.read().split(b"\n")
    if len(lines) < 2:  # the last one is empty or torn
        return None
    rows = csv.reader(io.StringIO((header + lines[-2] + b"\n").decode("utf-8", "replace")))
    names, values = rows
    return dict(zip(names, values, strict=False))


def write_rows(path: Path, rows: list[dict]) -> None:
    """Write `rows`, which all have the same keys, as a CSV file, atomically.

    Raises ValueError for no rows and for rows of different keys.
    """
    if not rows:
        raise ValueError(f"{path}: expected rows to write; got none")
    write_bytes(path, _lines(list(rows[0]), rows, header=True))


def markdown_table(names: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table with columns of these `names`; each line has a cell for each."""
    table = [names, ["---"] * len(names), *lines]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in table)


def between(text: str, marks: tuple[str, str], content: str) -> str:
    """Return `text` with the part between the two `marks` replaced by `content`."""
    before, rest = text.split(marks[0])
    _, after = rest.split(marks[1])
    return f"{before}{marks[0]}\n{content}\n{marks[1]}{after}"


def _lines(names: list[str], rows: list[dict], *, header: bool) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


class GrowingRows:
    """A CSV file to which `add` appends rows, without a buffer.

    Rows that the file has already stay, except a torn last line and those for which `keep` is false
    (None: all stay). Raises ValueError for a row of other names than the file's.
    """

    def __init__(self, path: Path, keep: Callable[[dict], bool] | None = None):
        self.path = path
        refuse_special(path)
        rows = read_rows(path, growing=True)
        self._names = list(rows[0]) if rows else []
        kept = [row for row in rows if keep is None or keep(row)]
        if path.exists():
            whole = _lines(self._names, kept, header=bool(rows))
            if whole != read_bytes(path):
                write_bytes(path, whole)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115  closed by `close`

    def add(self, row: dict) -> None:
        """Append `row`; if the disk is full, raise OSError and leave no part of the row."""
        header = self._file.tell() == 0
        if header:
            self._names = list(row)
        if list(row) != self._names:
            raise ValueError(
                f"{self.path}: has the columns {', '.join(self._names)}; got {', '.join(row)}"
            )
        line = _lines(self._names, [row], header=header)
        end = self._file.tell()
        try:
            self._write(line)
        except OSError as error:
            self._file.truncate(end)
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        except KeyboardInterrupt:  # the state that is saved next has the row's step
            self._file.truncate(end)
            self._write(line)
            raise

    def _write(self, line: bytes) -> None:
        written = self._file.write(line)
        if written != len(line):
            self._file.write(line[written:])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "GrowingRows":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()
