"""The acting loop: steps at the ends of episodes, compared with a scripted tape."""

import itertools
from itertools import islice

import numpy as np
import pytest
import torch
from fakes import AlternatingPolicy, TapeEnvironment

from pdlearn.networks import QNetwork
from pdlearn.rollout import EpisodeTracker, EpsilonGreedy, Mixture, steps

SCRIPT = [
    [(3, "terminated", ()), (2, "truncated", ()), (50, "terminated", ())],
    [(6, "terminated", (2,)), (50, "terminated", ())],
]


def play(count):
    env = TapeEnvironment(SCRIPT)
    return env, list(islice(steps(env, AlternatingPolicy(), 0, "train"), count))


def test_first_and_last_mark_the_edges_of_every_episode():
    _, tape = play(9)
    assert [bool(s.first[0]) for s in tape] == [True, 0, 0, 0, True, 0, 0, True, 0]
    assert [bool(s.last[0]) for s in tape] == [False, 0, 0, True, False, 0, True, False, 0]


def test_a_reward_belongs_to_the_step_that_earned_it():
    _, tape = play(9)
    assert [float(s.reward[0]) for s in tape] == [1, 2, 3, 0, 11, 12, 0, 21, 22]


def test_terminated_and_truncated_are_distinguished():
    _, tape = play(9)
    assert [bool(s.terminated[0]) for s in tape] == [0, 0, True, 0, 0, 0, 0, 0, 0]
    assert [bool(s.truncated[0]) for s in tape] == [0, 0, 0, 0, 0, True, 0, 0, 0]


def test_a_lost_life_is_reported_and_does_not_end_the_episode():
    _, tape = play(9)
    assert [bool(s.life_lost[1]) for s in tape] == [0, True, 0, 0, 0, 0, 0, 0, 0]
    assert not any(s.terminated[1] for s in tape[:5])


def test_the_loop_runs_one_step_ahead_and_closes_its_environment():
    env = TapeEnvironment(SCRIPT)
    loop = steps(env, AlternatingPolicy(), 0, "train")
    next(loop)
    assert env.sent is not None  # the next step is under way while this one is read
    loop.close()
    assert env.sent is None and env.closed


def test_the_tracker_counts_whole_episodes_and_their_raw_scores():
    _, tape = play(9)
    tracker = EpisodeTracker(2)
    episodes = [episode for step in tape for episode in tracker.add(step)]
    assert [(e.env, e.score, e.steps, e.truncated) for e in episodes] == [
        (0, 1 + 2 + 3, 3, False),
        (0, 11 + 12, 2, True),  # both end at the sixth step, copies in order
        (1, 1 + 2 + 3 + 4 + 5 + 6, 6, False),
    ]


def test_epsilon_one_is_uniform_and_epsilon_zero_is_greedy():
    network = QNetwork(4, "net3", (5,), torch.Generator().manual_seed(0))
    observation = torch.ones(4_000, 5)
    generator = torch.Generator().manual_seed(1)
    greedy, q = EpsilonGreedy(network, 0.0, generator)(observation)
    assert torch.equal(greedy, q.argmax(1))
    anything, _ = EpsilonGreedy(network, 1.0, generator)(observation)
    shares = np.bincount(anything.numpy(), minlength=4) / 4_000
    assert np.abs(shares - 0.25).max() < 0.03


def test_the_hold_of_a_random_action_has_probability_proportional_to_one_over_n_squared():
    network = QNetwork(256, "net3", (5,), torch.Generator().manual_seed(0))
    policy = EpsilonGreedy(network, 1.0, torch.Generator().manual_seed(1), longest_hold_steps=3)
    played = torch.stack([policy(torch.ones(500, 5))[0] for _ in range(61)])  # [T, E]
    lengths = [
        [len(list(steps)) for _, steps in itertools.groupby(copy)] for copy in played.T.tolist()
    ]
    holds = [length for copy in lengths for length in copy[:-1]]  # the last is cut short
    shares = np.bincount(holds, minlength=4)[1:4] / len(holds)
    assert np.abs(shares - np.array([36, 9, 4]) / 49).max() < 0.02


def test_holds_begin_with_probability_epsilon_and_other_actions_are_greedy():
    network = QNetwork(256, "net3", (5,), torch.Generator().manual_seed(0))
    policy = EpsilonGreedy(network, 0.0, torch.Generator().manual_seed(1), longest_hold_steps=50)
    action, q = policy(torch.ones(2_000, 5))
    assert torch.equal(action, q.argmax(1))
    policy.epsilon = 0.25
    began = policy(torch.ones(2_000, 5))[0] != q.argmax(1)
    assert abs(began.float().mean().item() - 0.25) < 0.03


def test_epsilon_is_the_share_of_random_actions():
    network = QNetwork(10, "net3", (5,), torch.Generator().manual_seed(0))
    action, q = EpsilonGreedy(network, 0.05, torch.Generator().manual_seed(1))(
        torch.ones(20_000, 5)
    )
    other = (action != q.argmax(1)).float().mean().item()
    assert abs(other - 0.05 * 0.9) < 0.006


def certain_of(action):
    """Return a network of six actions that always chooses `action`."""
    values = torch.nn.functional.one_hot(torch.tensor([action]), 6).float()
    return lambda observation: values.expand(len(observation), 6)


@pytest.mark.parametrize(("student_share", "expected"), [(0.0, 0), (0.25, 1000), (1.0, 4000)])
def test_in_a_mixture_the_student_acts_in_its_share_of_steps(student_share, expected):
    generator = torch.Generator().manual_seed(0)
    policy = Mixture(
        certain_of(2), certain_of(5), student_share=student_share, epsilon=0.0, generator=generator
    )
    action, _ = policy(torch.zeros(4000, 4))
    assert abs(int((action == 5).sum()) - expected) <= 100 * (0 < student_share < 1)
    assert int((action == 2).sum() + (action == 5).sum()) == 4000


def test_a_mixture_always_returns_the_teachers_values():
    policy = Mixture(
        certain_of(2), certain_of(5), student_share=1.0, epsilon=0.0,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    _, q = policy(torch.zeros(3, 4))
    assert torch.equal(q, certain_of(2)(torch.zeros(3, 4)))


def test_a_mixture_explores_also_when_the_student_acts():
    policy = Mixture(
        certain_of(2), certain_of(5), student_share=1.0, epsilon=0.6,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    action, _ = policy(torch.zeros(6000, 4))
    # Six actions at random in 60 % of the steps: each of the five others in 10 %.
    assert all(abs(int((action == other).sum()) - 600) < 90 for other in range(5))


@pytest.mark.parametrize("longest_hold_steps", [1, 3])
def test_an_action_that_is_not_available_is_never_taken(longest_hold_steps):
    generator = torch.Generator().manual_seed(0)

    def network(observation):
        q = torch.zeros(len(observation), 4)
        q[::2, 0], q[1::2, 3], q[:, 1] = -torch.inf, -torch.inf, 1.0
        return q.roll(int(observation[0, 0]), 0)

    policy = EpsilonGreedy(network, 1.0, generator, longest_hold_steps)
    seen = set()
    for t in range(200):
        action, q = policy(torch.full((6, 1), t))
        assert q.gather(1, action[:, None]).isfinite().all()
        seen |= set(action.tolist())
    assert seen == {0, 1, 2, 3}


def test_a_student_takes_no_action_that_its_teacher_says_is_not_available():
    teacher = lambda o: torch.tensor([[0.0, 1.0, -torch.inf]]).repeat(len(o), 1)  # noqa: E731
    student = lambda o: torch.tensor([[0.0, 0.0, 9.0]]).repeat(len(o), 1)  # noqa: E731
    policy = Mixture(
        teacher, student, student_share=1.0, epsilon=0.0, generator=torch.Generator()
    )  # fmt: skip
    assert policy(torch.zeros(3, 1))[0].tolist() == [1, 1, 1]
