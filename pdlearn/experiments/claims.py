"""What the rows of an experiment's CSV say, counted: tables and sentences for docs/results.md.

A function takes an experiment's name and all rows of its CSV, strings as they were read, and
returns Markdown.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from pdlearn import zoo
from pdlearn.experiments.figure1 import CLIP_STEPS, NEAR, PAPER_GAMES
from pdlearn.experiments.tables import EXPERIMENTS, mean_over_games, percents, table
from pdlearn.experiments.training import mark
from pdlearn.experiments.tsne import LAYERS, same_game_percent
from pdlearn.games import GAMES
from pdlearn.statistics import geometric_mean


def of_table(name: str, rows: Sequence[dict]) -> str:
    """Return the table of an experiment of `tables`, and what can be counted in it."""
    shown, left_out = comparable(rows)
    if not shown:
        return "Every row is of a teacher that does not ship, or not any more."
    lines = [table(name, shown), "", "Percent of the teacher's score, mean over seeds"]
    lines[-1] += "; the paper's in brackets." if EXPERIMENTS[name].paper else "."
    lines += ["", f"- {_amounts(shown)}"]
    if left_out:
        lines.append(
            f"- {left_out} rows of other teachers, or of another amount of learning, stand in the "
            "CSV and are left out here."
        )
    labels = [student.label for student in EXPERIMENTS[name].students]
    lines += [f"- {_student(name, shown, k)}" for k in labels if percents(shown, k)]
    if len(labels) > 1:
        lines.append(f"- {_best(name, shown, labels)}")
    return "\n".join(lines)


def of_online(name: str, rows: Sequence[dict]) -> str:
    """Return how each DQN and its students ended, and how much they swung on the way there."""
    runs = defaultdict(list)
    for row in rows:
        runs[row["game"], int(row["dqn_steps"]), int(row["seed"])].append(row)
    lines = [
        "| game | DQN's agent steps | student's seed | DQN at the end | its best, judged with it "
        "| student at the end | DQN's swing | student's swing |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (game, dqn_steps, seed), points in runs.items():
        curves = {
            key: np.array([float(point[key]) for point in points])
            for key in ("dqn", "teacher", "student")
        }
        ends = " | ".join(f"{curves[key][-1]:.1f}" for key in curves)
        swings = " | ".join(f"{_swing(curves[key]):.1f}" for key in ("dqn", "student"))
        title = GAMES[game].title if game in GAMES else game
        lines.append(f"| {title} | {dqn_steps:,} | {seed} | {ends} | {swings} |")
    episodes = sorted({int(row["episodes"]) for row in rows})
    lines += [
        "",
        f"Every point is a mean of {' or '.join(map(str, episodes))} episodes. A swing is the mean "
        "change from one point to the next, up or down, in the second half of the run.",
    ]
    return "\n".join(lines)


def _swing(scores: np.ndarray) -> float:
    """Return the mean absolute change between neighbours in the second half; NaN of one alone."""
    late = scores[len(scores) // 2 :]
    return float(np.abs(np.diff(late)).mean()) if len(late) > 1 else np.nan


def comparable(rows: Sequence[dict]) -> tuple[list[dict], int]:
    """Return the rows of the shipped teachers and of one amount of learning; count the others.

    The amount, samples of so many agent steps of play, is that of most rows, of two the larger.
    Where DQN stands among the columns its samples are its own, and the agent steps are compared.
    """
    groups = {_games(row) for row in rows}
    marks = {games: _mark(games) for games in groups}
    current = [row for row in rows if row["teacher"] == marks[_games(row)]]
    amounts = Counter(_amount(row) for row in current if row["loss"] != "td")
    if not amounts:
        return [], len(rows)
    chosen = max(amounts, key=lambda amount: (amounts[amount], amount))
    shown = [
        row
        for row in current
        if _amount(row) == chosen or (row["loss"] == "td" and _amount(row)[1] == chosen[1])
    ]
    return shown, len(rows) - len(shown)


def _games(row: dict) -> tuple[str, ...]:
    """Return the games of a row's student: the row's own, or all that one network plays."""
    return tuple(row.get("games", row["game"]).split())


def _mark(games: tuple[str, ...]) -> str | None:
    """Return what tells the shipped teachers of `games` from others; None where one is missing."""
    names = [f"{game}/teacher" for game in games]
    if not set(names) <= set(zoo.names()):
        return None
    return mark([zoo.load(name) for name in names])


def _amount(row: dict) -> tuple[int, int]:
    return int(row["samples"]), int(row["agent_steps"])


def _amounts(rows: Sequence[dict]) -> str:
    samples = sorted({int(row["samples"]) for row in rows})
    seeds = sorted({int(row["seed"]) for row in rows})
    episodes = sorted({int(row["episodes"]) for row in rows})
    drawn = f"{samples[0]:,}" if len(samples) == 1 else f"{samples[0]:,} to {samples[-1]:,}"
    return (
        f"{_many(len(rows), 'score')}, each of a student of {drawn} samples drawn from "
        f"{int(rows[0]['agent_steps']):,} agent steps of play, and over "
        f"{' or '.join(map(str, episodes))} episodes; "
        f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}."
    )


def _student(name: str, rows: Sequence[dict], label: str) -> str:
    """Say how one column does: its mean over games, and how many of its scores keep up."""
    theirs = EXPERIMENTS[name].paper
    ours = percents(rows, label)
    scores = [row for row in rows if row["label"] == label]
    told = [f"`{label}`:"]
    mean = mean_over_games(rows, label)
    if mean is None:
        told.append("no geometric mean, as a score is not above zero;")
    else:
        told.append(f"{mean[0]:.1f} % over {_many(len(ours), 'game')}")
        same = [theirs[game][label] for game in ours if label in theirs.get(game, {})]
        if len(same) == len(ours):
            told.append(f"(the paper's on the same: {geometric_mean(same):.1f} %)")
        told[-1] += ";"
    reach = sum(_percent_interval(row)[1] >= 100 for row in scores)
    told.append(
        f"the 95 % interval of {reach} of {_many(len(scores), 'score')} reaches the teacher's"
    )
    printed = [row for row in scores if label in theirs.get(row["game"], {})]
    if printed:
        hold = sum(
            low <= theirs[row["game"]][label] <= high
            for row in printed
            for low, high in [_percent_interval(row)]
        )
        told.append(f"and that of {hold} of {len(printed)} holds the paper's percentage")
    return " ".join(told) + "."


def _percent_interval(row: dict) -> tuple[float, float]:
    """Return the interval of a student's mean score as percent of its teacher's."""
    ends = sorted(100 * float(row[end]) / float(row["teacher_mean"]) for end in ("low", "high"))
    return ends[0], ends[1]


def _best(name: str, rows: Sequence[dict], labels: Sequence[str]) -> str:
    """Count in how many games each column is the best of its row, ours and the paper's."""
    theirs = EXPERIMENTS[name].paper
    found = {label: percents(rows, label) for label in labels}
    games = [g for g in EXPERIMENTS[name].games if all(g in found[k] for k in labels)]
    if not games:
        return "In no game have all of the columns run yet."
    ours = Counter(max(labels, key=lambda k: float(np.mean(found[k][g]))) for g in games)
    text = f"Best of the row in {_many(len(games), 'game')}: {_counted(ours, labels)}"
    if all(set(labels) <= set(theirs.get(game, {})) for game in games):
        paper = Counter(max(labels, key=lambda k: theirs[game][k]) for game in games)
        text += f"; in the paper, on the same: {_counted(paper, labels)}"
    return text + "."


def _counted(counts: Counter, labels: Sequence[str]) -> str:
    return ", ".join(f"`{label}` {counts[label]}" for label in labels if counts[label])


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def of_figure1(name: str, rows: Sequence[dict]) -> str:
    """Return a line for each state of figure 1: its best action, by how much, and KL's target."""
    lines = [
        "| game | pair | agent step | best action | its value | lead over the second "
        "| its share of KL's target |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    moments: dict = {}
    for row in rows:
        moments.setdefault((row["game"], row["pair"], row["moment"]), []).append(row)
    for (game, pair, moment), actions in moments.items():
        best, second = sorted(actions, key=lambda row: -float(row["mse"]))[:2]
        lead = float(best["mse"]) - float(second["mse"])
        lines.append(
            f"| {GAMES[game].title} | {pair} | {moment} | {best['action']} "
            f"| {float(best['mse']):.3f} | {lead:.3f} | {100 * float(best['kl']):.0f} % |"
        )
    lines += [
        "",
        f"The pairs are chosen by rule from {CLIP_STEPS} agent steps of play: *alike* is, of the "
        f"{100 * NEAR:g} % of pairs whose pictures differ least, the one whose values differ most; "
        "*apart* the other way round. "
        f"KL's target is at temperature {float(rows[0]['temperature']):g}.",
    ]
    missing = [GAMES[game].title for game in PAPER_GAMES if game not in {r["game"] for r in rows}]
    if missing:
        lines[-1] += f" No rows yet of {', '.join(missing)}."
    return "\n".join(lines)


def of_tsne(name: str, rows: Sequence[dict]) -> str:
    """Say how far each layer's picture keeps the games apart."""
    games = len({row["game"] for row in rows})
    states = len(rows) // len(LAYERS)
    told = " and ".join(
        f"{same_game_percent(rows, layer):.1f} % in the {title}" for layer, title in LAYERS.items()
    )
    return (
        f"{states} states of {_many(games, 'game')}, played by the network itself. The point next "
        f"to a state's is one of the same game for {told}."
    )
