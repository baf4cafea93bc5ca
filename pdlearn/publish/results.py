"""docs/results.md: the paper's experiments, ours beside the paper's, built from docs/results.

python -m pdlearn.publish.results

An experiment is an `Entry` of ENTRIES; its numbers are `<name>.csv`, its picture `<name>.png`, its
hand-written paragraph, if any, stands in `readings`. Every number of the page is read from a CSV or
from `paper`; what is said of them is counted here.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from pdlearn import paper
from pdlearn.experiments import claims
from pdlearn.experiments.tables import EXPERIMENTS
from pdlearn.publish.readings import READINGS
from pdlearn.rows import read_rows

PAGE = "docs/results.md"
TOP = """# The paper's experiments, and ours

Built from [results/](results) by `python -m pdlearn.publish.results`; where numbers are missing,
the command that makes them stands in their place.

A percentage is of the teacher's score, raw points of the game both. The paper's are of published
DQN scores from human starts, ours of the shipped teachers ([zoo.md](zoo.md)) from no-op starts, so
a number of ours and the paper's beside it are not the same measurement; what can be compared is
which student does better than which, and what shrinking costs. Where we differ otherwise:
[differences.md](differences.md).
"""


class Entry(NamedTuple):
    """An experiment of the paper: `pdlearn reproduce NAME` makes it, `body` says what came out."""

    name: str
    title: str
    found: str  # by the paper
    picture: str  # what is to be seen in it, for those who cannot see it
    body: Callable[[str, list[dict]], str]  # Markdown of the name and the rows of its CSV


ENTRIES = [
    Entry(
        "figure1",
        "States, values and targets (figure 1)",
        "Nearly the same picture can have very different values, and very different pictures "
        "nearly the same ones; softmax turns either into targets that a student can follow.",
        "Pairs of states with the teacher's values and the targets of the losses",
        claims.of_figure1,
    ),
    Entry(
        "table1",
        EXPERIMENTS["table1"].title,
        "KL serves a student best, then NLL, then MSE: geometric means over four games of "
        f"{paper.TABLE_1_MEAN['kl']}, {paper.TABLE_1_MEAN['nll']} and "
        f"{paper.TABLE_1_MEAN['mse']} % (the means follow from the paper's cells).",
        "Percent of the teacher's score by loss, ours and the paper's, a panel a game",
        claims.of_table,
    ),
    Entry(
        "compression",
        EXPERIMENTS["compression"].title,
        "Students of 25, 7 and 4 % of the teacher's parameters keep "
        f"{paper.TABLE_B1_MEAN['net1']}, {paper.TABLE_B1_MEAN['net2']} and "
        f"{paper.TABLE_B1_MEAN['net3']} % of its score, geometric means over ten games.",
        "Percent of the teacher's score by size, ours and the paper's, a panel a game",
        claims.of_table,
    ),
    Entry(
        "temperature",
        EXPERIMENTS["temperature"].title,
        "The authors tried these and kept 0.01; they print no table of them.",
        "Percent of the teacher's score by temperature, a panel a game",
        claims.of_table,
    ),
    Entry(
        "multi3",
        "Three games, one network (figure 4, table B2)",
        "One network distilled from three teachers outdoes them, with KL and with NLL; the same "
        "network taught by DQN alone falls behind them.",
        "Percent of the teachers' scores by way of learning, ours and the paper's, a panel a game",
        claims.of_table,
    ),
    Entry(
        "multi10",
        "Ten games, one network (table 2)",
        "One network distilled from ten teachers plays half of the games better than they do, and "
        "all ten on the whole a little worse.",
        "Percent of the teachers' scores, ours and the paper's, a panel a game",
        claims.of_table,
    ),
    Entry(
        "online",
        "Students that follow a DQN while it learns (figure 5)",
        "A student of the DQN's best network so far is far steadier than the DQN that it follows, "
        "and ends as high or higher.",
        "Scores of the DQN, of its best so far and of its students, over the DQN's agent steps",
        claims.of_online,
    ),
    Entry(
        "tsne",
        "What the network for ten games sees (figure D2)",
        "The first layer tells the games apart; the last shared one still does, with more variety "
        "within a game.",
        "States of the games as points, embedded from the first and from the shared layer",
        claims.of_tsne,
    ),
    Entry(
        "smaller",
        "Smaller than the paper's",
        "Its smallest student is net3; where a game breaks is not asked.",
        "Percent of the teacher's score by size, a panel a game",
        claims.of_table,
    ),
    Entry(
        "states",
        "Whose states a student learns from",
        "The teacher plays alone. Actor-Mimic, of the same month, lets the student play.",
        "Percent of the teacher's score by who plays, a panel a game",
        claims.of_table,
    ),
    Entry(
        "losses",
        "KL one way and the other",
        "The teacher's policy stands first in its KL; the reverse is not tried.",
        "Percent of the teacher's score by loss, a panel a game",
        claims.of_table,
    ),
    Entry(
        "mistakes",
        "What a teacher's mistakes cost",
        "The teachers are taken as they are. Here, in a share of the recorded states, the "
        "teacher's values are dealt to the actions at random; its play is not touched.",
        "Percent of the teacher's score by the share of states with wrong values, a panel a game",
        claims.of_table,
    ),
]


def build_page(results: Path, entries: Sequence[Entry] = ENTRIES) -> str:
    """Return the page for the CSVs and pictures in `results`, a folder beside it."""
    return "\n".join([TOP, *(section(entry, results) for entry in entries)])


def section(entry: Entry, results: Path) -> str:
    """Return the part of the page on one experiment, run or not."""
    rows = read_rows(results / f"{entry.name}.csv")
    parts = [f"## {entry.title}", f"**The paper.** {entry.found}"]
    if not rows:
        parts.append(f"**Ours.** Not run yet; `pdlearn reproduce {entry.name}` runs it.")
        return "\n\n".join(parts) + "\n"
    parts.append(f"**Ours.** Rows: [{entry.name}.csv]({results.name}/{entry.name}.csv).")
    parts.append(entry.body(entry.name, rows))
    if (results / f"{entry.name}.png").exists():
        parts.append(f"![{entry.picture}]({results.name}/{entry.name}.png)")
    if entry.name in READINGS:
        parts.append(READINGS[entry.name])
    return "\n\n".join(parts) + "\n"


def build(root: Path = Path(".")) -> None:
    """Write the page of the project at `root`."""
    (root / PAGE).write_text(build_page(root / "docs" / "results"), "utf-8")


if __name__ == "__main__":
    build()
