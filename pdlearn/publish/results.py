"""Build docs/results.md, the paper's experiments with our results, from docs/results.

python -m pdlearn.publish.results

Each experiment is an `Entry` of ENTRIES. Its rows are in `<name>.csv`, its figure is `<name>.png`,
and its discussion, written by hand, is in `readings`. Every number of the page comes from a CSV
file or from `paper`; sentences with counts come from `claims`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from pdlearn import paper
from pdlearn.experiments import TITLES, claims
from pdlearn.publish.readings import READINGS
from pdlearn.rows import read_rows

PAGE = "docs/results.md"
TOP = """# The paper's experiments and our results

This page is built from [results/](results) by `python -m pdlearn.publish.results`. An experiment
without results shows the command that runs it.

Percentages are of the teacher's score, both in raw points of the game. The paper divides by
published DQN scores from human starts. We divide by the scores of the shipped teachers
([zoo.md](zoo.md)) from no-op starts. Therefore our percentage and the paper's are not the same
measurement. What can be compared is the order of the students and the cost of compression.
[differences.md](differences.md) lists the other differences.
"""


class Entry(NamedTuple):
    """An experiment on the page; `pdlearn reproduce NAME` runs it."""

    name: str
    found: str  # the result in the paper
    picture: str  # alternative text of the figure
    body: Callable[[str, list[dict]], str]  # returns Markdown from the name and the rows


ENTRIES = [
    Entry(
        "figure1",
        "Similar frames can have very different values, and very different frames can have similar "
        "values. Softmax turns both into targets that a student can learn.",
        "Pairs of states with the teacher's values and the targets of the losses",
        claims.of_figure1,
    ),
    Entry(
        "table1",
        "KL gives the best students, then NLL, then MSE. The geometric means over four games are "
        f"{paper.TABLE_1_MEAN['kl']}, {paper.TABLE_1_MEAN['nll']} and "
        f"{paper.TABLE_1_MEAN['mse']} %, computed from the cells of the paper's table.",
        "Percent of the teacher's score by loss, ours and the paper's, a panel per game",
        claims.of_table,
    ),
    Entry(
        "compression",
        "Students with 25, 7 and 4 % of the teacher's parameters reach "
        f"{paper.TABLE_B1_MEAN['net1']}, {paper.TABLE_B1_MEAN['net2']} and "
        f"{paper.TABLE_B1_MEAN['net3']} % of its score, geometric means over ten games.",
        "Percent of the teacher's score by size, ours and the paper's, a panel per game",
        claims.of_table,
    ),
    Entry(
        "temperature",
        "The authors tried these temperatures and chose 0.01. They report no table.",
        "Percent of the teacher's score by temperature, a panel per game",
        claims.of_table,
    ),
    Entry(
        "multi3",
        "One network distilled from three teachers scores higher than they do, with KL and with "
        "NLL. The same network trained by DQN scores lower than they do.",
        "Percent of the teachers' scores by method, ours and the paper's, a panel per game",
        claims.of_table,
    ),
    Entry(
        "multi10",
        "One network distilled from ten teachers scores higher than they do in half of the games, "
        "and slightly lower in the mean over all ten.",
        "Percent of the teachers' scores, ours and the paper's, a panel per game",
        claims.of_table,
    ),
    Entry(
        "online",
        "The scores of a student of the DQN's best network so far fluctuate much less than those "
        "of the DQN, and its final score is equal or higher.",
        "Scores of the DQN, of its best network so far and of its students, over agent steps",
        claims.of_online,
    ),
    Entry(
        "tsne",
        "The first layer separates the games. The last shared layer also separates them, with more "
        "variation within a game.",
        "Embeddings of states from the first layer and from the shared layer, coloured by game",
        claims.of_tsne,
    ),
    Entry(
        "smaller",
        "The smallest student is net3. The paper does not test at which size a game fails.",
        "Percent of the teacher's score by size, a panel per game",
        claims.of_table,
    ),
    Entry(
        "states",
        "Only the teacher acts. In Actor-Mimic, published in the same month, the student acts.",
        "Percent of the teacher's score by acting network, a panel per game",
        claims.of_table,
    ),
    Entry(
        "losses",
        "The paper uses KL(teacher || student) and does not test the reverse.",
        "Percent of the teacher's score by loss, a panel per game",
        claims.of_table,
    ),
    Entry(
        "mistakes",
        "The paper does not change the teachers' values. Here the teacher's values are permuted "
        "over the actions at random in a share of the recorded states. The recorded play is the "
        "teacher's own.",
        "Percent of the teacher's score by the share of states with wrong values, a panel per game",
        claims.of_table,
    ),
]


def build_page(results: Path, entries: Sequence[Entry] = ENTRIES) -> str:
    """Return the page for the CSV files and figures in the folder `results` beside it."""
    return "\n".join([TOP, *(section(entry, results) for entry in entries)])


def section(entry: Entry, results: Path) -> str:
    """Return the section on one experiment, with or without results."""
    rows = read_rows(results / f"{entry.name}.csv")
    parts = [f"## {TITLES[entry.name]}", f"**The paper.** {entry.found}"]
    if not rows:
        parts.append(f"**Our results.** None yet; run `pdlearn reproduce {entry.name}`.")
        return "\n\n".join(parts) + "\n"
    parts.append(f"**Our results.** Rows: [{entry.name}.csv]({results.name}/{entry.name}.csv).")
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
