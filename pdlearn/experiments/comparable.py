"""Which rows of an experiment can stand in one table: same teachers, same amount of training.

A CSV file keeps all rows. After a teacher is replaced or the budget is changed, rows of the earlier
ones stand beside the new ones until their cells are run again.
"""

from collections import Counter
from collections.abc import Sequence

from pdlearn import zoo
from pdlearn.experiments.definitions import Q_LEARNING, UNTRAINED
from pdlearn.experiments.training import fingerprint_of


def comparable(rows: Sequence[dict]) -> tuple[list[dict], int]:
    """Return the rows of one set of teachers with one amount of training; count the other rows.

    The teachers are the shipped ones. Where no row is of these, they are those of the newest row,
    whose percentages are of their own scores. The amount is the number of samples and of agent
    steps of play that most rows have; among equally frequent ones, the larger. Q-learning has its
    own amounts, which its label names; a teacher with noise has none. Of networks for several
    games, those for most games count.
    """
    of_any_amount = (*Q_LEARNING, UNTRAINED)
    shipped = _shipped_fingerprints(rows)
    teachers = {_games_of(row): row["teacher"] for row in rows}  # the newest row is the last
    teachers |= {_games_of(row): row["teacher"] for row in rows if _is_shipped(row, shipped)}
    most = max((len(_games_of(row)) for row in rows), default=0)
    current = [
        row
        for row in rows
        if row["teacher"] == teachers[_games_of(row)] and len(_games_of(row)) == most
    ]
    counts = Counter(_amount_of(row) for row in current if row["loss"] not in of_any_amount)
    if not counts:
        return [], len(rows)
    chosen = max(counts, key=lambda amount: (counts[amount], amount))
    shown = [row for row in current if _amount_of(row) == chosen or row["loss"] in of_any_amount]
    return shown, len(rows) - len(shown)


def of_earlier_teachers(rows: Sequence[dict]) -> list[str]:
    """Return the games of `rows` whose students learnt before a teacher was replaced."""
    shipped = _shipped_fingerprints(rows)
    earlier = [game for row in rows if not _is_shipped(row, shipped) for game in _games_of(row)]
    return list(dict.fromkeys(earlier))


def _games_of(row: dict) -> tuple[str, ...]:
    """Return the games of a row's student: the row's game, or all games that one network plays."""
    return tuple(row.get("games", row["game"]).split())


def _shipped_fingerprints(rows: Sequence[dict]) -> dict[tuple[str, ...], str]:
    """Return the fingerprint of the teachers of each row's games, where all of them ship."""
    groups = {_games_of(row) for row in rows}
    return {
        games: fingerprint_of([zoo.load(f"{game}/teacher") for game in games])
        for games in groups
        if len(zoo.with_teacher(games)) == len(games)
    }


def _is_shipped(row: dict, shipped: dict[tuple[str, ...], str]) -> bool:
    return row["teacher"] == shipped.get(_games_of(row))


def _amount_of(row: dict) -> tuple[int, int]:
    return int(row["samples"]), int(row["agent_steps"])
