"""Tables and sentences for docs/results.md, computed from the rows of an experiment's CSV file.

Each public function `of_...` takes an experiment's name and all rows of its CSV file, with values
as strings, and returns Markdown.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from pdlearn import zoo
from pdlearn.experiments.figure1 import CLIP_STEPS, NEAR, PAPER_GAMES
from pdlearn.experiments.tables import EXPERIMENTS, counted, mean_over_games, percents, table
from pdlearn.experiments.training import mark
from pdlearn.experiments.tsne import LAYERS, same_game_percent
from pdlearn.games import GAMES
from pdlearn.statistics import geometric_mean


def of_table(name: str, rows: Sequence[dict]) -> str:
    """Return the table of an experiment of `tables`, and counts from its rows."""
    shown, left_out = comparable(rows)
    if not shown:
        return "No row is of a teacher that is shipped now."
    lines = [table(name, shown), "", "Percent of the teacher's score, mean over seeds"]
    lines[-1] += "; the paper's value in brackets." if EXPERIMENTS[name].paper else "."
    lines += ["", f"- {_amounts(shown)}"]
    if left_out:
        lines.append(
            f"- The table leaves out {counted(left_out, 'row')} of the CSV file, of other teachers "
            "or of another amount of training."
        )
    labels = [student.label for student in EXPERIMENTS[name].students]
    lines += [f"- {_student(name, shown, k)}" for k in labels if percents(shown, k)]
    if len(labels) > 1:
        lines.append(f"- {_best(name, shown, labels)}")
    return "\n".join(lines)


def of_online(name: str, rows: Sequence[dict]) -> str:
    """Return the final scores of each DQN and its students, and the size of their fluctuations."""
    runs = defaultdict(list)
    for row in rows:
        runs[row["game"], int(row["dqn_steps"]), int(row["seed"])].append(row)
    lines = [
        "| game | DQN's agent steps | student's seed | final DQN | its best network, evaluated "
        "again | final student | DQN's swing | student's swing |",
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
        f"Each point is the mean of {' or '.join(map(str, episodes))} episodes. The swing is the "
        "mean absolute change between neighbouring points in the second half of the run.",
    ]
    return "\n".join(lines)


def _swing(scores: np.ndarray) -> float:
    """Return the mean absolute change between neighbours in the second half; NaN for one point."""
    late = scores[len(scores) // 2 :]
    return float(np.abs(np.diff(late)).mean()) if len(late) > 1 else np.nan


def comparable(rows: Sequence[dict]) -> tuple[list[dict], int]:
    """Return the rows of the shipped teachers with one amount of training; count the other rows.

    The amount is the number of samples and of agent steps of play that most rows have; among
    equally frequent ones, the larger. DQN has its own number of samples, so that only its agent
    steps must match.
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
    """Return the games of a row's student: the row's game, or all games that one network plays."""
    return tuple(row.get("games", row["game"]).split())


def _mark(games: tuple[str, ...]) -> str | None:
    """Return the `mark` of the shipped teachers of `games`; None if one is missing."""
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
        f"{counted(len(rows), 'score')}. Each student was trained on {drawn} samples drawn from "
        f"{int(rows[0]['agent_steps']):,} agent steps of play and evaluated for "
        f"{' or '.join(map(str, episodes))} episodes; "
        f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}."
    )


def _student(name: str, rows: Sequence[dict], label: str) -> str:
    """Return a sentence on one column: its mean over games, and counts of its intervals."""
    theirs = EXPERIMENTS[name].paper
    ours = percents(rows, label)
    scores = [row for row in rows if row["label"] == label]
    parts = [f"`{label}`:"]
    mean = mean_over_games(rows, label)
    if mean is None:
        parts.append("no geometric mean, because a score is not above zero;")
    else:
        parts.append(f"{mean[0]:.1f} % over {counted(len(ours), 'game')}")
        same = [theirs[game][label] for game in ours if label in theirs.get(game, {})]
        if len(same) == len(ours):
            parts.append(f"(in the paper, same games: {geometric_mean(same):.1f} %)")
        parts[-1] += ";"
    reach = sum(_percent_interval(row)[1] >= 100 for row in scores)
    parts.append(f"{reach} of {counted(len(scores), 'interval')} (95 %) reach the teacher's score")
    printed = [row for row in scores if label in theirs.get(row["game"], {})]
    if printed:
        hold = sum(
            low <= theirs[row["game"]][label] <= high
            for row in printed
            for low, high in [_percent_interval(row)]
        )
        parts.append(f"and {hold} of {len(printed)} contain the paper's percentage")
    return " ".join(parts) + "."


def _percent_interval(row: dict) -> tuple[float, float]:
    """Return the interval of a student's mean score in percent of its teacher's score."""
    ends = sorted(100 * float(row[end]) / float(row["teacher_mean"]) for end in ("low", "high"))
    return ends[0], ends[1]


def _best(name: str, rows: Sequence[dict], labels: Sequence[str]) -> str:
    """Return a sentence on how often each column is the best of its row, ours and in the paper."""
    theirs = EXPERIMENTS[name].paper
    found = {label: percents(rows, label) for label in labels}
    games = [g for g in EXPERIMENTS[name].games if all(g in found[k] for k in labels)]
    if not games:
        return "No game has results in all columns yet."
    ours = Counter(max(labels, key=lambda k: float(np.mean(found[k][g]))) for g in games)
    text = f"Best column in {counted(len(games), 'game')}: {_wins(ours, labels)}"
    if all(set(labels) <= set(theirs.get(game, {})) for game in games):
        paper = Counter(max(labels, key=lambda k: theirs[game][k]) for game in games)
        text += f"; in the paper, same games: {_wins(paper, labels)}"
    return text + "."


def _wins(counts: Counter, labels: Sequence[str]) -> str:
    return ", ".join(f"`{label}` {counts[label]}" for label in labels if counts[label])


def of_figure1(name: str, rows: Sequence[dict]) -> str:
    """Return a table with a line for each state of figure 1."""
    lines = [
        "| game | pair | agent step | best action | its value | lead over the second-best "
        "| its probability in KL's target |",
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
        f"The pairs are selected by rule from {CLIP_STEPS} agent steps of play. *alike*: of the "
        f"{100 * NEAR:g} % of pairs with the most similar frames, the pair whose values differ "
        "most. *apart*: of as many pairs with the most similar values, the pair whose frames "
        f"differ most. KL's target has temperature {float(rows[0]['temperature']):g}.",
    ]
    missing = [GAMES[game].title for game in PAPER_GAMES if game not in {r["game"] for r in rows}]
    if missing:
        lines[-1] += f" No rows yet of {', '.join(missing)}."
    return "\n".join(lines)


def of_tsne(name: str, rows: Sequence[dict]) -> str:
    """Return a sentence on how well each layer separates the games."""
    games = len({row["game"] for row in rows})
    states = len(rows) // len(LAYERS)
    parts = " and ".join(
        f"{same_game_percent(rows, layer):.1f} % in the {title}" for layer, title in LAYERS.items()
    )
    return (
        f"{states} states of {counted(games, 'game')}, played by the network itself. The nearest "
        f"neighbour of a point is from the same game for {parts}."
    )
