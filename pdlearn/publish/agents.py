"""Build the tables of shipped agents in README.md and docs/zoo.md from docs/results and the cards.

python -m pdlearn.publish.agents
"""

from dataclasses import asdict
from pathlib import Path

from pdlearn import zoo
from pdlearn.games import GAMES, Game, percent_of_range
from pdlearn.presets import BUDGETS
from pdlearn.publish import paired
from pdlearn.rows import between, markdown_table, read_rows

README_MARKS = ("<!-- scores: built from docs/results -->", "<!-- /scores -->")
AGENT_MARKS = ("<!-- agents: built from docs/results -->", "<!-- /agents -->")
RECIPE_MARKS = ("<!-- recipes: built from the cards -->", "<!-- /recipes -->")
ZOO_MARKS = ("<!-- teachers: built from docs/results -->", "<!-- /teachers -->")
RACE_MARKS = ("<!-- race: built from docs/results -->", "<!-- /race -->")


# The agents of the README's table: their rows' names in the results, and what they are called.
SHOWN = {
    "net1": "`net1`",
    "net2": "`net2`",
    "net3": "`net3`",
    "multi3/kl": "`multi3`, one network for three games",
    "multi10/kl": "`multi10`, one network for all ten",
}


def score_table(results: Path) -> str:
    """Return the README's table: a column per game, the teacher's score, its students' percent.

    Percentages are of the teacher's score from the same starts, with their 95 % interval.
    """
    teachers, students = (read_rows(results / f"{kind}.csv") for kind in ("teachers", "students"))
    score = {row["game"]: float(row["mean"]) for row in teachers}
    percents = paired_percents(results)
    titles = " | ".join(game.title for game in GAMES.values())
    lines = [f"| agent | parameters | {titles} |", "| --- | ---: |" + " ---: |" * len(GAMES)]
    ways = [_way(game, score.get(game.name)) for game in GAMES.values()]
    points = [f"{score[name]:,.0f}" if name in score else "" for name in GAMES]
    lines.append(_line("`teacher`, score", teachers, points))
    lines.append(f"| … of the way from random play to Nature DQN | | {' | '.join(ways)} |")
    for network, label in SHOWN.items():
        rows = {row["game"]: row for row in students if row["network"] == network}
        names = {game: name_of_row(row) for game, row in rows.items()}
        cells = [percents.get((names.get(game, ""), game), "") for game in GAMES]
        lines.append(_line(label, list(rows.values()), cells))
    return "\n".join(lines)


def paired_percents(results: Path) -> dict[tuple[str, str], str]:
    """Return each shipped agent's percent of its teacher with its interval, by (agent, game).

    A game whose teacher has no episodes has no percentages.
    """
    played = paired.evaluations(results)
    cells = {}
    for (name, game), student in played.items():
        if (teacher := played.get((f"{game}/teacher", game))) is not None:
            each = paired.percent_of(student, teacher)
            cells[name, game] = f"{each.mean:.0f} [{each.low:.0f}, {each.high:.0f}]"
    return cells


def _line(label: str, rows: list[dict], cells: list[str]) -> str:
    """Return a line of the table; the parameters are those of the largest network of `rows`."""
    parameters = max((int(row["parameters"]) for row in rows), default=0)
    return f"| {label} | {parameters:,} | {' | '.join(cell or '–' for cell in cells)} |"


def _way(game: Game, score: float | None) -> str:
    """Return a score in percent from random play to the score of Nature DQN."""
    if score is None:
        return "–"
    return f"{percent_of_range(score, game.random, game.dqn):.0f} %"


def agent_table(results: Path) -> str:
    """Return the table of all shipped agents: score, percent of the teacher's, parameters."""
    teachers, students = (read_rows(results / f"{kind}.csv") for kind in ("teachers", "students"))
    percents = paired_percents(results)
    rows = sorted(teachers + students, key=lambda r: (r["game"], -int(r["parameters"])))
    names = ("shipped agent", "score, 95 % interval", "% of teacher", "parameters")
    lines = []
    for row in rows:
        teaches = row["network"] == "teacher"
        percent = "100" if teaches else percents.get((name_of_row(row), row["game"]), "–")
        score = f"{_score(row)} over {row['episodes']} episodes"
        lines.append((_label(row), score, percent, f"{int(row['parameters']):,}"))
    return markdown_table(names, lines)


def teacher_table(results: Path) -> str:
    """Return the table of shipped teachers with published scores."""
    names = (
        "game", "random", "human", "Nature DQN", "shipped teacher, 95 % interval", "agent steps",
        "hours", "the paper's DQN (human starts)",
    )  # fmt: skip
    shipped = {row["game"]: row for row in read_rows(results / "teachers.csv")}
    lines = []
    for game in GAMES.values():
        ours = ("none yet", "", "")
        if (row := shipped.get(game.name)) is not None:
            ours = (f"**{_score(row)}**", f"{int(row['agent_steps']):,}", row["hours"])
        lines.append((game.title, game.random, game.human, game.dqn, *ours, game.paper_dqn))
    return markdown_table(names, lines)


def race_table(results: Path) -> str:
    """Return the table of the training methods, with their scores after equal processor time."""
    names = ("game", "method", "processor minutes", "agent steps", "training score")
    rows = [row for row in read_rows(results / "teacher_recipes.csv") if row["race"]]
    lines = [
        (GAMES[row["game"]].title, row["race"], row["processor_minutes"] or "shared",
         f"{int(row['agent_steps']):,}", f"{float(row['score']):,.1f}")
        for row in sorted(rows, key=lambda row: row["game"])
    ]  # fmt: skip
    return markdown_table(names, lines)


# Settings that older cards lack, with the values that held then.
UNSAID = {"priority_exponent": 0.0, "longest_hold_steps": 1, "normalization": "none"}


def recipe_list() -> str:
    """Return each shipped teacher's training command, with the changes during its run."""
    parts = []
    for name in zoo.names():
        made = zoo.load_all_games(name).card["made"]
        if made["by"] in BUDGETS and name.endswith("/teacher"):
            changes = f": {made['legs']}. The last leg's settings:" if "legs" in made else ""
            parts.append(f"**{GAMES[made['games'][0]].title}**{changes}")
            parts.append(f"```\n{_command(made)}\n```")
    return "\n\n".join(parts)


def _command(made: dict) -> str:
    """Return the command for a card's settings; it names those that differ from `fast`."""
    method, (game,) = made["by"], made["games"]
    usual, config = asdict(BUDGETS[method]["fast"]), UNSAID | made["config"]
    named = [
        f"{key}={config[key]}"
        for key in usual.keys() & config.keys() - {"agent_steps"}
        if config[key] != usual[key] and not key.startswith("evaluation_")
    ]
    settings = f" --set {' '.join(sorted(named))}" if named else ""
    steps = f"--agent-steps {config['agent_steps']}"
    return f"pdlearn train {game} --method {method} {steps}{settings}"


def name_of_row(row: dict) -> str:
    """Return the name of the shipped agent of a results row, as `zoo.load` takes it."""
    several = "/" in row["network"]
    return row["network"] if several else f"{row['game']}/{row['network']}"


def _label(row: dict) -> str:
    name = name_of_row(row)
    return f"`{name}`, {row['game']}" if name == row["network"] else f"`{name}`"


def _score(row: dict) -> str:
    return f"{float(row['mean']):.1f} [{float(row['low']):.1f}, {float(row['high']):.1f}]"


def built_pages(root: Path) -> dict[Path, str]:
    """Return the texts of README.md and docs/zoo.md, with tables built from results and cards."""
    results = root / "docs" / "results"
    readme, page = root / "README.md", root / "docs" / "zoo.md"
    return {
        readme: between(readme.read_text("utf-8"), README_MARKS, score_table(results)),
        page: _zoo_page(page.read_text("utf-8"), results),
    }


def _zoo_page(text: str, results: Path) -> str:
    text = between(text, ZOO_MARKS, teacher_table(results))
    text = between(text, AGENT_MARKS, agent_table(results))
    text = between(text, RACE_MARKS, race_table(results))
    return between(text, RECIPE_MARKS, recipe_list())


def build(root: Path = Path(".")) -> None:
    """Write the pages and the figure of the learning curves."""
    from pdlearn.plots import learning_curves

    for page, text in built_pages(root).items():
        page.write_text(text, "utf-8")
    curves = sorted((root / "docs" / "results" / "curves").glob("*.csv"))
    figure = learning_curves({path.stem: read_rows(path) for path in curves})
    figure.savefig(root / "docs" / "images" / "curves.png", dpi=120)


if __name__ == "__main__":
    build()
