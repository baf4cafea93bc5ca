"""What docs/results.md says of an experiment's rows: its tables and what their cells mean."""

from pdlearn.experiments import figure1, online, tables, tsne, weak_teachers
from pdlearn.experiments.comparable import comparable, of_earlier_teachers
from pdlearn.experiments.definitions import EXPERIMENTS, UNTRAINED
from pdlearn.experiments.scores import is_paired
from pdlearn.plots import title_of


def measured_means(name: str, rows: list[dict]) -> str:
    """Return each student's mean over games, a cell of the page's first table."""
    shown, _ = comparable(rows)
    means = tables.means_over_games(name, shown)
    told = (f"`{k}` {_measured(mean)}" for k, mean in means.items())
    games = tables.games_in(name, shown)
    titles = ", ".join(title_of(game) for game in games)
    what = f"Geometric mean, {len(games)} games" if len(games) > 1 else titles
    return f"{what}: {', '.join(told)}."


def _measured(percent: tables.Percent | None) -> str:
    if percent is None:
        return "–"
    if percent.draws is None:
        return f"{percent.mean:.1f} %"
    return f"{percent.mean:.1f} % [{percent.low:.0f}, {percent.high:.0f}]"


def student_table(name: str, rows: list[dict]) -> str:
    """Return the table of an experiment of `tables`, what its cells mean, and the amounts."""
    shown, left_out = comparable(rows)
    if not shown:
        return "No row is of a student."
    legend = "Percent of the teacher's score [95 % interval], mean over seeds."
    if EXPERIMENTS[name].paper:
        legend += " The paper's values are in brackets, its means over the same games."
    if EXPERIMENTS[name].weak_teachers:
        legend += f" {weak_teachers.told(shown)}"
    elif earlier := of_earlier_teachers(shown):
        legend += (
            f" {', '.join(title_of(game) for game in earlier)}: these students learnt before a "
            "teacher was replaced; the percentages are of its earlier score."
        )
    if not all(map(is_paired, shown)):
        legend += (
            " A cell without an interval is of an earlier protocol: student and teacher were "
            "evaluated on different episodes, and the starts were not balanced."
        )
    if any(float(row["teacher_mean"]) <= 0 for row in shown):
        legend += " There is no percentage of a teacher whose mean score is not above zero."
    if compared := tables.comparisons(name, shown):
        told = (_compared(*labels, each) for labels, each in compared.items())
        legend += (
            " Each student and the one before it, mean over games: difference in points of "
            "percent [95 % interval, paired by seed and start], probability of a higher score: "
            f"{'; '.join(told)}."
        )
    amounts, trained = [], [row for row in shown if row["loss"] != UNTRAINED]
    for key in ("samples", "agent_steps", "episodes", "seed"):
        values = sorted({int(row[key]) for row in trained})
        amounts.append(f"{key.replace('_', ' ')} {' or '.join(f'{value:,}' for value in values)}")
    if left_out:
        amounts.append(f"rows left out, of other teachers or amounts of training: {left_out}")
    return "\n\n".join([tables.table(name, shown), legend, f"Amounts: {'; '.join(amounts)}."])


def _compared(before: str, after: str, each: tables.Comparison) -> str:
    told = f"`{after}` over `{before}` "
    if (gap := each.difference) is not None:
        told += f"{gap.mean:+.1f} [{gap.low:+.1f}, {gap.high:+.1f}], "
    return told + f"{each.chance:.2f}"


def figure1_body(rows: list[dict]) -> str:
    """Return the table of figure 1 and how its states are selected."""
    return (
        f"{figure1.table(rows)}\n\n"
        f"The pairs are selected by rule from {figure1.CLIP_STEPS} agent steps of play. *alike*: "
        f"of the {100 * figure1.NEAR:g} % of pairs with the most similar frames, the pair whose "
        "values differ most. *apart*: of as many pairs with the most similar values, the pair "
        "whose frames differ most. KL's target has temperature "
        f"{float(rows[0]['temperature']):g}."
    )


def online_body(rows: list[dict]) -> str:
    """Return the table of online distillation and what its columns mean."""
    episodes = sorted({int(row["episodes"]) for row in rows})
    return (
        f"{online.table(rows)}\n\n"
        f"Each point is the mean of {' or '.join(map(str, episodes))} episodes. The swing is the "
        "mean absolute change between neighbouring points in the second half of the run."
    )


def tsne_body(rows: list[dict]) -> str:
    """Return how many states the figure shows."""
    games = len({row["game"] for row in rows})
    return f"{len(rows) // len(tsne.LAYERS)} states of {games} games, played by the network itself."
