"""The final project: a template to distil a game of one's own within a budget."""

from pdlearn.course.parts import Artefact, Assignment, Written

# Games whose whole way is known by the protocol of `scales`.
PROJECT_GAMES = (
    "beam_rider", "breakout", "freeway", "ms_pacman", "pong", "qbert", "riverraid", "seaquest",
    "space_invaders",
)  # fmt: skip

PROJECT = Assignment(
    "project",
    "Final project: a game of your own, within a budget",
    "all lessons",
    600,
    (
        "choose a game, a budget in parameters and in minutes of one processor, and keep both",
        "distil, evaluate and report so that another group can repeat it",
    ),
    (
        Written(
            "plan",
            "Plan",
            "Before you train: the game, the budget in parameters and in processor-minutes, the "
            "question that your experiment answers, and what result would surprise you.",
            (
                (3, "game, parameters and processor-minutes, chosen before any training"),
                (4, "a question that the experiment can answer with yes or no"),
                (3, "a prediction, and the result that would refute it"),
            ),
            "Freeway, 20,000 parameters, 60 minutes. Question: does a net4 keep 90 % of the way at "
            "a third of net3's parameters? We expect so, since Freeway asks two questions only. An "
            "interval wholly below 90 % would refute it.",
            45,
        ),
        Written(
            "method",
            "Method",
            "The commands, seeds, versions and machine; what is compared with what; what is the "
            "same in all runs. Hand in the agent and its row as files.",
            (
                (8, "commands, seeds and versions with which another group gets the same files"),
                (6, "a comparison in which one thing differs"),
                (6, "the minutes used, against the budget"),
            ),
            "Commands as run, seeds 0 to 2, pdlearn's version, a 4-core laptop; net3 and net4 by "
            "the same recording, updates and rates.",
            60,
        ),
        Artefact(
            "The agent",
            "Hand in the best agent that kept your budget. It plays one of these games.",
            PROJECT_GAMES,
            bands=((20_000, 1.0), (65_000, 0.95), (430_000, 0.8), (1_700_000, 0.5)),
            points=30,
        ),
        Written(
            "result",
            "Result",
            "Scores with intervals, a figure or a table, and at least one thing that went wrong "
            "and how it was noticed.",
            (
                (8, "scores with number of episodes and intervals, from a fresh evaluation"),
                (6, "a figure or table that answers the question, readable without the text"),
                (6, "a failure or a check: collapse, cut episodes, a seed that differs"),
            ),
            "A table of two sizes by three seeds with intervals over 30 episodes each; one seed of "
            "net4 had collapsed, which its variety of 0 showed.",
            90,
        ),
        Written(
            "discussion",
            "Discussion",
            "The answer to your question, how sure it is, and what it does not say.",
            (
                (6, "an answer that follows from the interval"),
                (6, "limits: seeds, games, starts"),
                (8, "what you would do next, and why that"),
            ),
            "net4 keeps 93 % [88, 97] of the way over three seeds: the prediction stands, barely. "
            "One game, one teacher. Next: Breakout, where lesson 07 saw the largest loss.",
            45,
        ),
    ),
)
