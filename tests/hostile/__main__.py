"""The campaign by hand: `python tests/hostile --long --seed 0 [--table FILE]`."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from campaign import report, tally, write_table  # noqa: E402
from whole import PARTS, Sizes, cases_of  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tests/hostile", description=__doc__)
    parser.add_argument("--long", action="store_true", help="all inputs, and 50 kills")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--table", type=Path, help="write the counts to this CSV file")
    given = parser.parse_args()
    sizes = Sizes.long() if given.long else Sizes.short()
    tallies = []
    for part in given.parts:
        since = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            tallies.append(tally(part, cases_of(part, Path(folder), sizes, given.seed)))
        report(tallies[-1], since)
    if given.table is not None:
        write_table(given.table, tallies, given.seed)
    return int(any(counted.faults for counted in tallies))


if __name__ == "__main__":
    sys.exit(main())
