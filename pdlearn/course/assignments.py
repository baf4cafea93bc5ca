"""The course as data: six assignments and a final project."""

from pdlearn.course.parts import Artefact, Assignment, Exercise, Written
from pdlearn.course.project import PROJECT

SEEING = Assignment(
    "seeing",
    "What the agent sees",
    "lesson 01",
    90,
    (
        "turn an emulator's frames into the observation of an agent",
        "count agent steps and episodes without the steps that belong to none",
    ),
    (
        Exercise("01", "check_shrink"),
        Exercise("01", "check_agent_step"),
        Exercise("01", "check_push"),
        Exercise("01", "check_episode_lengths"),
        Written(
            "one-frame",
            "One frame only",
            "An agent for Pong is given the newest frame alone, and not the last four. Name two "
            "facts of the game that it can no longer know, and say for each what that does to its "
            "play.",
            (
                (
                    4,
                    "two facts that one frame does not hold, such as the ball's direction or speed",
                ),
                (4, "for each, a decision that becomes a guess"),
                (2, "a fact that one frame does hold, as a contrast (positions, for example)"),
            ),
            "One frame shows where ball and paddles are. It does not show the ball's direction: "
            "the paddle cannot know whether to prepare. It does not show its speed: the agent "
            "cannot know when the ball will arrive, and moves too early or too late.",
        ),
    ),
)

LOOKING_AHEAD = Assignment(
    "looking-ahead",
    "Remember and look ahead",
    "lesson 02",
    120,
    (
        "store play without mixing episodes, and say which ends are ends",
        "write the target and the loss of deep Q-learning, and double Q-learning's target",
    ),
    (
        Exercise("02", "check_rebuild"),
        Exercise("02", "check_discounts"),
        Exercise("02", "check_td_target"),
        Exercise("02", "check_n_step"),
        Exercise("02", "check_double_target"),
        Exercise("02", "check_td_loss"),
        Written(
            "silent-mistake",
            "A silent mistake",
            "A learner's loss falls to nearly 0, and yet the agent plays no better than at random. "
            "Name two mistakes in the code of a target or a loss that do this, and an observation "
            "other than the loss that reveals each.",
            (
                (4, "two mistakes that let the loss fall (a gradient through the target, the best "
                    "action in place of the one taken, a discount of 0 everywhere, ...)"),
                (4, "for each, an observation that reveals it (values against possible scores, "
                    "play, values before a point)"),
                (2, "the reason why a small loss proves nothing: the target is the learner's own"),
            ),
            "With a gradient through the target both sides meet at a wrong value: the values do "
            "not rise before a point. With the best action in place of the one taken, moves have "
            "no consequence: the agent's play stays random while its values agree with themselves. "
            "The target is computed from the network, so that agreement is not truth.",
        ),
    ),
)  # fmt: skip

TEACHER = Assignment(
    "teacher",
    "Train a teacher",
    "lesson 03",
    120,
    (
        "write the schedule of exploration, and train an agent of your own",
        "report what a training cost and what it reached",
    ),
    (
        Exercise("03", "check_epsilon"),
        Artefact(
            "A teacher for Catch",
            "Train an agent for Catch (`pdlearn/Catch-v0`) with `pdlearn.DQN`, as in lesson 03, "
            "and save it. Any size and any settings are allowed.",
            ("pdlearn/Catch-v0",),
            bands=((70_000, 1.0), (500_000, 0.9), (2_000_000, 0.75)),
            points=30,
            episodes=100,
        ),
        Written(
            "broken-part",
            "A broken part",
            "Take one part of your learner out (the target network, exploration, the memory's "
            "size) and train again with the same seed. Give both scores with the number of "
            "episodes, and say what the difference does and does not show.",
            (
                (4, "two runs that differ in one setting, with seed and settings"),
                (3, "both scores, with the number of episodes each"),
                (3, "a conclusion no stronger than one seed of one small game allows"),
            ),
            "Settings, seed 1: 0.98 over 100 episodes. The same with a memory of 80 steps: 0.2 "
            "over 100. On Catch, with this seed, the small memory does harm. It shows nothing of "
            "other games or seeds.",
            30,
        ),
    ),
)

EVALUATING = Assignment(
    "evaluating",
    "Evaluate an agent",
    "lessons 04 and 10",
    120,
    (
        "compute an interval of a mean and of a percentage",
        "recognise a biased way to stop, and sum up many games",
    ),
    (
        Exercise("04", "check_interval"),
        Exercise("04", "check_first_to_end"),
        Exercise("04", "check_geometric_mean"),
        Exercise("10", "check_normalised"),
        Exercise("10", "check_percent_interval"),
        Written(
            "protocol",
            "What is missing",
            'A report says: "Our student reaches 104 % of its teacher in Breakout." List what a '
            "reader must know before the sentence means something, and write a better one with "
            "numbers of your own invention.",
            (
                (4, "starts, exploration, time limit, episodes, seeds of training: four of them"),
                (3, "an interval, and whether the teacher's own error is in it"),
                (3, "one sentence that states all of these and claims no more"),
            ),
            "Missing: how episodes begin, epsilon, when a game is cut, how many episodes, how many "
            "trained students, an interval. Better: one net3 student (one training seed) scored "
            "104 % [91, 118] of its teacher's mean in Breakout, both over 100 episodes from no-op "
            "starts with epsilon 0.05, cut after 108,000 frames; both means were resampled.",
        ),
    ),
)

DISTILLING = Assignment(
    "distilling",
    "Losses, temperature and one game",
    "lessons 05 and 06",
    180,
    (
        "write the paper's three losses and say what each one teaches",
        "distil one game and recognise a student that has collapsed",
    ),
    (
        Exercise("05", "check_teacher_policy"),
        Exercise("05", "check_nll_loss"),
        Exercise("05", "check_mse_loss"),
        Exercise("05", "check_kl_loss"),
        Exercise("06", "check_agreement"),
        Exercise("06", "check_variety"),
        Artefact(
            "A student of Pong",
            "Distil Pong's teacher into a network with at most the parameters of net1, as in "
            "lesson 06 (`pdlearn distill pong` does it from the shell), and save it.",
            ("pong",),
            bands=((65_000, 1.0), (120_000, 0.95), (430_000, 0.85)),
            points=30,
        ),
        Written(
            "temperature",
            "Sharpen or soften",
            "Distillation of classifiers uses temperatures above 1; the paper's students of "
            "Q-values use 0.01. Explain why, and say what each extreme of the temperature teaches.",
            (
                (4, "Q-values of one state lie close together; logits of a classifier far apart"),
                (3, "near 0 the target is the best action alone, as in NLL"),
                (3, "at large temperatures the target is uniform and teaches nothing"),
            ),
            "A classifier is too sure; softening shows what it thinks of the other classes. "
            "Q-values of one state differ by hundredths, so that their softmax is nearly uniform: "
            "a small temperature makes the differences count. At 0 only the best action is left, "
            "which is NLL; at a large one nothing is left.",
        ),
    ),
)

SMALL = Assignment(
    "small",
    "How small can it go",
    "lesson 07",
    150,
    (
        "count what a network costs in memory and in work",
        "find the smallest network that still plays, and say how sure that is",
    ),
    (
        Exercise("07", "check_parameter_count"),
        Exercise("07", "check_multiplications"),
        Exercise("07", "check_given_away"),
        Exercise("07", "check_share"),
        Exercise("07", "check_difference"),
        Artefact(
            "The smallest student of Pong",
            "Distil Pong's teacher into the smallest network that still plays. The sizes of lesson "
            "07 are net3, net4 and net5.",
            ("pong",),
            bands=((6_000, 1.0), (20_000, 0.9), (65_000, 0.7), (430_000, 0.4)),
            points=40,
        ),
        Written(
            "what-goes-first",
            "What goes first",
            "A small student agrees with its teacher in fewer states and yet loses few points. "
            "Explain how both can be true, with the regret in a state.",
            (
                (
                    4,
                    "most states have a small action gap, so that another action costs little",
                ),
                (4, "the regret weighs a different choice by the teacher's values"),
                (2, "a game in which this would not hold, with the reason"),
            ),
            "Agreement counts all states alike, but in most of them all actions are worth nearly "
            "the same. The regret weighs each different choice by its cost in the teacher's "
            "values; it is large only in the few decisive states. Where every action matters, as "
            "in a maze full of enemies, both would fall together.",
        ),
    ),
)

ASSIGNMENTS = (SEEING, LOOKING_AHEAD, TEACHER, EVALUATING, DISTILLING, SMALL, PROJECT)
BY_NAME = {assignment.name: assignment for assignment in ASSIGNMENTS}


def assignment_by_name(name: str) -> Assignment:
    """Return the assignment called `name`; raise ValueError with all names for another."""
    if name not in BY_NAME:
        raise ValueError(f"no assignment {name!r}; expected one of {', '.join(BY_NAME)}")
    return BY_NAME[name]
