"""Build docs/results.md, the paper's experiments with our results, from docs/results.

python -m pdlearn.publish.results

Each experiment is an `Entry` of ENTRIES. Its rows are in `<name>.csv`, its figure is `<name>.png`,
and its discussion, written by hand, is in `readings`. Every number of the page comes from a CSV
file or from `paper`. The first table compares the paper's claims with our measurements.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pdlearn import paper
from pdlearn.experiments import TITLES, curve_tables, figure1, online, tsne
from pdlearn.publish.readings import READINGS
from pdlearn.publish.sections import (
    figure1_body,
    measured_means,
    online_body,
    student_table,
    tsne_body,
)
from pdlearn.rows import markdown_table, read_rows

PAGE = "docs/results.md"
TOP = """# The paper's experiments and our results

This page is built from [results/](results) by `python -m pdlearn.publish.results`.

Percentages are of the teacher's score, both in raw points of the game. The paper divides by
published DQN scores from human starts. We divide by the score of the shipped teacher
([zoo.md](zoo.md)) from the same no-op starts as its student's. Therefore our percentage and the
paper's are not the same measurement. What can be compared is the order of the students and the cost
of compression. Intervals are of 95 %, by a bootstrap over training seeds, then starts, then
episodes, of student and teacher together. [differences.md](differences.md) lists the other
differences. The column `hours` of the CSV files is the time of the training, without evaluation.

Each section names its command. For students, `--games breakout --seeds 0 --results again` trains
and evaluates those of one game and one seed afresh, and writes their rows to the folder `again`.
"""


class Entry(NamedTuple):
    """An experiment on the page; `pdlearn reproduce NAME` runs it.

    `measured` and `body` return Markdown from the rows of the experiment's CSV file: a cell of the
    page's first table, and the experiment's own tables.
    """

    name: str
    claim: str  # the paper's
    verdict: str  # whether it is reproduced here
    picture: str  # alternative text of the figure
    measured: Callable[[list[dict]], str]
    body: Callable[[list[dict]], str]


def _table_entry(name: str, claim: str, verdict: str, picture: str) -> Entry:
    """Return the entry of an experiment of `tables`."""
    return Entry(
        name, claim, verdict, picture, partial(measured_means, name), partial(student_table, name)
    )


ENTRIES = [
    Entry(
        "figure1",
        "Similar frames can have very different values, and very different frames can have similar "
        "values. Softmax turns both into targets that a student can learn.",
        "Yes: the rule finds such pairs in both games.",
        "Pairs of states with the teacher's values and the targets of the losses",
        figure1.measured,
        figure1_body,
    ),
    _table_entry(
        "table1",
        "KL gives the best students, then NLL, then MSE. The geometric means over four games are "
        f"{paper.TABLE_1_MEAN['kl']}, {paper.TABLE_1_MEAN['nll']} and "
        f"{paper.TABLE_1_MEAN['mse']} %, computed from the cells of the paper's table.",
        "In the mean, with one seed: MSE is worst in every game, and KL is ahead of NLL in three "
        "of four.",
        "Percent of the teacher's score by loss, ours and the paper's, a panel per game",
    ),
    _table_entry(
        "compression",
        "Students with 25, 7 and 4 % of the teacher's parameters reach "
        f"{paper.TABLE_B1_MEAN['net1']}, {paper.TABLE_B1_MEAN['net2']} and "
        f"{paper.TABLE_B1_MEAN['net3']} % of its score, geometric means over ten games.",
        "In part: all sizes keep most of the score, net1 a little more than the two smaller ones, "
        "between which no difference is certain.",
        "Percent of the teacher's score by size, ours and the paper's, a panel per game",
    ),
    _table_entry(
        "temperature",
        "The authors tried these temperatures and chose 0.01. They report no table.",
        "Cannot be told: no temperature is certainly the best. The lowest has the lowest score in "
        "three of four games.",
        "Percent of the teacher's score by temperature, a panel per game",
    ),
    _table_entry(
        "multi3",
        "One network distilled from three teachers scores higher than they do, with KL and with "
        "NLL. The same network trained by DQN scores lower than they do.",
        "In part: both students play like their teachers and DQN scores far lower, but no student "
        "scores higher than its teachers.",
        "Percent of the teachers' scores by method, ours and the paper's, a panel per game",
    ),
    _table_entry(
        "multi10",
        "One network distilled from ten teachers scores higher than they do in half of the games, "
        "and slightly lower in the mean over all ten.",
        "In the mean, with one seed; no game is clearly higher than its teacher.",
        "Percent of the teachers' scores, ours and the paper's, a panel per game",
    ),
    Entry(
        "online",
        "The scores of a student of the DQN's best network so far fluctuate much less than those "
        "of the DQN, and its final score is equal or higher.",
        "Cannot be told: one run of one game.",
        "Scores of the DQN, of its best network so far and of its students, over agent steps",
        online.measured,
        online_body,
    ),
    Entry(
        "tsne",
        "The first layer separates the games. The last shared layer also separates them, with more "
        "variation within a game.",
        "In part: the first layer separates the games, the shared layer only most of their states.",
        "Embeddings of states from the first layer and from the shared layer, coloured by game",
        tsne.measured,
        tsne_body,
    ),
    Entry(
        "learning-curves",
        "Only final scores are reported. Here each student is evaluated at five points of one "
        "distillation, on all recorded play from the start.",
        "Not in the paper.",
        "Score and regret of each size over the updates, a column per game",
        curve_tables.measured,
        curve_tables.body,
    ),
    _table_entry(
        "mse",
        "MSE gives the worst students. The paper does not give its learning rate, and the squared "
        "error is mostly of what all actions of a state have in common.",
        "Not in the paper.",
        "Percent of the teacher's score by target and learning rate, a panel per game",
    ),
    _table_entry(
        "smaller",
        "The smallest student is net3. The paper does not test at which size a game fails.",
        "Not in the paper.",
        "Percent of the teacher's score by size, a panel per game",
    ),
    _table_entry(
        "on-policy",
        "Only the teacher acts, and the loss is KL with the teacher's policy first. In Actor-Mimic "
        "(Parisotto et al. 2016) the student acts; Czarnecki et al. 2019 compare both. On-policy "
        "distillation of language models (GKD, lesson 11) also chooses the direction of KL. A "
        "column is named after the network that acts and the loss.",
        "Not in the paper.",
        "Percent of the teacher's score by acting network and loss, a panel per game",
    ),
    _table_entry(
        "mistakes",
        "The paper does not change the teachers' values. Here the teacher's values are permuted "
        "over the actions at random in a share of the recorded states. The recorded play is the "
        "teacher's own.",
        "Not in the paper.",
        "Percent of the teacher's score by the share of states with wrong values, a panel per game",
    ),
    _table_entry(
        "noisy-teacher",
        "The paper does not change the teachers' weights. Spigler 2024 adds Gaussian noise. Here "
        "`3% noise` is such a teacher itself, with 3 % of each tensor's standard deviation; "
        "`3%, teacher` and `3%, student` are its students, named after the network that acts. All "
        "percentages are of the teacher without noise.",
        "Not in the paper.",
        "Percent of the teacher's score by noise and acting network, a panel per game",
    ),
    _table_entry(
        "kickstarting",
        "Students learn from a teacher alone. Here a weak teacher's policy is only a term of the "
        "loss of Q-learning, with a weight that decreases to zero (kickstarting, Schmitt et al. "
        "2018; QDagger, Agarwal et al. 2022).",
        "Not in the paper.",
        "Percent of the weak teacher's score by what is learnt from, a panel per game",
    ),
]


def build_page(results: Path, entries: Sequence[Entry] = ENTRIES) -> str:
    """Return the page for the CSV files and figures in the folder `results` beside it."""
    parts = [TOP, claims_table(entries, results), *(section(entry, results) for entry in entries)]
    return "\n".join(parts)


def claims_table(entries: Sequence[Entry], results: Path) -> str:
    """Return a table of what the paper claims and what was measured here."""
    lines = []
    for entry in entries:
        rows = read_rows(results / f"{entry.name}.csv")
        measured = entry.measured(rows) if rows else "–"
        verdict = entry.verdict if rows else "not run"
        lines.append((_link(TITLES[entry.name]), entry.claim, verdict, measured))
    names = ("experiment", "the paper's claim", "reproduced", "measured here")
    return markdown_table(names, lines) + "\n"


def _link(title: str) -> str:
    """Return a link to the heading `title` by the anchor that GitHub gives it."""
    anchor = re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
    return f"[{title}](#{anchor})"


def section(entry: Entry, results: Path) -> str:
    """Return the section on one experiment, with or without results."""
    rows = read_rows(results / f"{entry.name}.csv")
    parts = [f"## {TITLES[entry.name]}"]
    if not rows:
        parts.append(f"No results yet; run `pdlearn reproduce {entry.name}`.")
        return "\n\n".join(parts) + "\n"
    file = f"{entry.name}.csv"
    command = f"`pdlearn reproduce {entry.name}`"
    parts += [entry.body(rows), f"Rows: [{file}]({results.name}/{file}); command: {command}."]
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
