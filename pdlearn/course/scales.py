"""The printed scale of an artefact: a score on the way to the teacher's, against parameters.

The way goes from random play (0) to the shipped teacher (1), both evaluated by the protocol here.
Its episodes are cut early, so that a grading ends in time; its scores are not those of `pdlearn
evaluate`.
"""

from pdlearn.course.parts import Artefact

SECONDS = 120  # of a processor; an evaluation that takes longer is stopped
LONGEST_STEPS = 3_000  # agent steps after which an episode is cut, with the score so far
EPSILON = 0.05
SEED = 20_151  # of the evaluation: starts and exploration
REPORT_SHARE = 0.1  # of the points, for a CSV file that agrees with the file and the evaluation
SCALE = ((0.9, 1.0), (0.75, 0.85), (0.5, 0.6), (0.25, 0.35), (0.1, 0.15))  # way, share of points

# Mean scores of random play and of the shipped teacher by this protocol, from
# `python -m pdlearn.course.artefacts` (Catch: the score of a caught ball in every episode).
ANCHORS = {
    "pdlearn/Catch-v0": (-0.4, 1.0),
    "beam_rider": (348.3, 2169.0),
    "pong": (-20.25, 18.92),
    "breakout": (1.5, 99.17),
    "freeway": (0.0, 26.58),
    "ms_pacman": (249.2, 1724.0),
    "space_invaders": (183.3, 445.8),
    "qbert": (127.1, 2767.0),
    "riverraid": (1525.0, 3774.0),
    "seaquest": (55.0, 1674.0),
}


def way_of(game: str, score: float) -> float:
    """Return a mean score as the share of the way from random play to the teacher."""
    random, teacher = ANCHORS[game]
    return (score - random) / (teacher - random)


def score_points(artefact: Artefact, way: float, parameters: int) -> float:
    """Return the points for a score and a number of parameters; 0 off the scale."""
    by_size = next((share for most, share in artefact.bands if parameters <= most), 0.0)
    by_score = next((share for least, share in SCALE if way >= least), 0.0)
    return round(artefact.points * (1 - REPORT_SHARE) * by_size * by_score, 2)


def report_points(artefact: Artefact) -> float:
    """Return the points for a CSV file that agrees with the agent."""
    return round(artefact.points * REPORT_SHARE, 2)


def printed(artefact: Artefact) -> str:
    """Return the protocol and the scale as Markdown."""
    bands = [most for most, _ in artefact.bands]
    lines = [
        f"| share of the way | {' | '.join(f'up to {most:,}' for most in bands)} |",
        f"| --- | {' | '.join('---' for _ in bands)} |",
    ]
    for least, _ in SCALE:
        points = [f"{score_points(artefact, least, most):g}" for most in bands]
        lines.append(f"| {least:.0%} or more | {' | '.join(points)} |")
    ends = "; ".join(
        f"{game} from {ANCHORS[game][0]:g} to {ANCHORS[game][1]:g}" for game in artefact.games
    )
    return (
        f"The file itself is assessed: {artefact.episodes} episodes, epsilon {EPSILON}, each cut "
        f"after {LONGEST_STEPS:,} agent steps. The mean score counts as a share of the way from "
        f"random play to the shipped teacher by the same protocol ({ends}).\n\n"
        "Points by that share and the number of parameters:\n\n" + "\n".join(lines) + "\n\n"
        f"A further {report_points(artefact):g} points are for a CSV file whose parameters are the "
        "file's and whose mean lies within the spread of the assessed episodes. A shipped agent, "
        "or one whose weights are close to it, gets no points."
    )
