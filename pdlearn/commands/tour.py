"""`pdlearn tour`: policy distillation from teacher to student in five minutes."""

from pathlib import Path
from typing import Literal

from pdlearn.commands.options import known_game
from pdlearn.schema import Seed


def tour(
    folder: Path = Path("runs/tour"),
    game: str = "pong",
    budget: Literal["smoke", "fast"] = "fast",
    seed: Seed = 0,
) -> None:
    """Distil the shipped Pong teacher into net3, evaluate both, and write a page with the results.

    Args:
        folder: where report.html and result.json are written
        game: a game with a shipped teacher
        budget: smoke is a test of a few seconds; fast takes a few minutes on two cores
        seed: seed of the student, the exploration and the games
    """
    from pdlearn.games import game_by_name, percent_of_range
    from pdlearn.tour import run_tour

    result = run_tour(folder, known_game(game), budget, seed)
    random = game_by_name(game).random
    way = percent_of_range(result["student_score"], random, result["teacher_score"])
    print(
        f"teacher {result['teacher_score']:.2f}, student {result['student_score']:.2f}: "
        f"{way:z.1f} % of the way from random play to the teacher with "
        f"{100 * result['student_parameters'] / result['teacher_parameters']:.1f} % of the "
        f"parameters, in {result['seconds']:.0f} s"
    )
    print(f"open {folder / 'report.html'}")
