"""The experiments that are tables: their games, their students, and the paper's results.

A table has a line for each game and a column for each student.
"""

from dataclasses import dataclass, field, replace

from pdlearn import paper
from pdlearn.experiments import TITLES
from pdlearn.games import GAMES

Q_LEARNING = ("td", "pqn", "td_kl")  # losses from rewards: DQN, PQN, DQN with a teacher's term
UNTRAINED = "none"  # the loss of a column that is the teacher itself


@dataclass(frozen=True)
class Student:
    """A column of a table: a network and its training.

    The losses td and pqn are Q-learning without a teacher, and td_kl is DQN with a teacher's term,
    for as many agent steps as the students learn from, or with `teachers_steps` for as many as all
    teachers learnt from. `temperature` None means the budget's; `settings` are further settings of
    `DistillConfig`. `play_share` and `updates_share` are the shares of the budget's agent steps and
    updates that the student gets. With `rounds_per_hour` 0 it learns from the recorded play that
    all students of a game share. With n it records its own play, an hour in n rounds.
    `mistaken_share` is the share of the recorded states in which the teacher's values are permuted
    at random. `weight_noise` is the standard deviation of the noise in each tensor of the teacher's
    weights, as a share of the tensor's own. The loss `UNTRAINED` has no student: the column is the
    teacher with its noise.
    """

    label: str
    size: str
    loss: str = "kl"
    temperature: float | None = None
    settings: dict = field(default_factory=dict)
    rounds_per_hour: int = 0
    play_share: float = 1.0
    updates_share: float = 1.0
    mistaken_share: float = 0.0
    weight_noise: float = 0.0
    teachers_steps: bool = False


@dataclass(frozen=True)
class Experiment:
    """A table of the paper or a later one."""

    title: str
    games: tuple[str, ...]
    students: tuple[Student, ...]
    # Percent by game and label; empty if not in the paper.
    paper: dict[str, dict[str, float]] = field(default_factory=dict)
    joint: bool = False  # each student plays all games
    weak_teachers: bool = False  # the teachers are those of `weak_teachers`, not the shipped ones


def _in_rounds(actor: str, student: Student) -> Student:
    """Return `student` with play of its own in rounds, in which `actor` acts.

    Of few agent steps, four copies of a game play whole episodes; sixteen would play beginnings.
    """
    settings = {"student_share": float(actor == "student"), "num_envs": 4}
    return replace(student, settings=settings, rounds_per_hour=10)


def _with_little_play(actor: str, loss: str) -> Student:
    student = Student(f"{actor}, {loss}", "net3", loss, play_share=0.08, updates_share=0.4)
    return _in_rounds(actor, student)


def _of_noisy_teacher(actor: str, noise: float) -> Student:
    student = Student(
        f"{noise:.0%}, {actor}", "net3", play_share=0.16, updates_share=0.4, weight_noise=noise
    )
    return _in_rounds(actor, student)


def _noisy_teacher(noise: float) -> Student:
    return Student(f"{noise:.0%} noise", "teacher", UNTRAINED, weight_noise=noise)


EXPERIMENTS = {
    "table1": Experiment(
        TITLES["table1"],
        tuple(paper.TABLE_1),
        tuple(Student(loss, "teacher", loss) for loss in ("mse", "nll", "kl")),
        paper.TABLE_1,
    ),
    "compression": Experiment(
        TITLES["compression"],
        tuple(paper.TABLE_B1),
        tuple(Student(size, size) for size in ("net1", "net2", "net3")),
        paper.TABLE_B1,
    ),
    "temperature": Experiment(
        TITLES["temperature"],
        tuple(GAMES),
        tuple(Student(f"{t:g}", "net3", "kl", t) for t in (1.0, 0.1, 0.01, 0.001)),
    ),
    "multi3": Experiment(
        TITLES["multi3"],
        tuple(paper.TABLE_B2),
        (
            Student("dqn", "multi3", "td"),
            Student("pqn", "multi3", "pqn"),
            Student("pqn, teachers' steps", "multi3", "pqn", teachers_steps=True),
            Student("nll", "multi3", "nll"),
            Student("kl", "multi3"),
        ),
        paper.TABLE_B2,
        joint=True,
    ),
    "multi10": Experiment(
        TITLES["multi10"],
        tuple(paper.TABLE_2),
        (Student("kl", "multi10"),),
        paper.TABLE_2,
        joint=True,
    ),
    # Not in the paper.
    "mse": Experiment(
        TITLES["mse"],
        tuple(paper.TABLE_1),
        tuple(
            Student(f"{targets}, {rate:g}", "teacher", loss, settings={"learning_rate": rate})
            for targets, loss in (("values", "mse"), ("advantages", "advantage_mse"))
            for rate in (1e-4, 3e-4, 1e-3)
        ),
    ),
    "smaller": Experiment(
        TITLES["smaller"],
        tuple(GAMES),
        tuple(Student(size, size) for size in ("net3", "net4", "net5")),
    ),
    # Neighbouring columns differ in one choice, because each is compared with the one before.
    "on-policy": Experiment(
        TITLES["on-policy"],
        ("breakout", "qbert", "space_invaders"),
        (
            _with_little_play("teacher", "reverse_kl"),
            _with_little_play("teacher", "kl"),
            _with_little_play("student", "kl"),
            _with_little_play("student", "reverse_kl"),
        ),
    ),
    # At the budget's learning rate, students of half or more wrong values collapsed.
    "mistakes": Experiment(
        TITLES["mistakes"],
        tuple(GAMES),
        tuple(
            Student(f"{share:.0%}", "net3", mistaken_share=share, settings={"learning_rate": 1e-3})
            for share in (0.0, 0.25, 0.5, 0.75)
        ),
    ),
    "noisy-teacher": Experiment(
        TITLES["noisy-teacher"],
        ("breakout", "qbert"),
        (
            _of_noisy_teacher("teacher", 0.0),
            _of_noisy_teacher("student", 0.0),
            _noisy_teacher(0.03),
            _of_noisy_teacher("teacher", 0.03),
            _of_noisy_teacher("student", 0.03),
            _noisy_teacher(0.1),
            _of_noisy_teacher("teacher", 0.1),
            _of_noisy_teacher("student", 0.1),
        ),
    ),
    "kickstarting": Experiment(
        TITLES["kickstarting"],
        ("breakout", "qbert", "seaquest", "space_invaders"),
        (
            Student("td", "net1", "td", teachers_steps=True),
            Student("kl", "net1"),
            Student("td + kl", "net1", "td_kl", teachers_steps=True),
        ),
        weak_teachers=True,
    ),
}
