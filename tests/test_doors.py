"""Users' environments: what networks and memories can take is played, the rest refused at once."""

import itertools
import math

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

from pdlearn import envs
from pdlearn.envs.catch import Catch
from pdlearn.replay.compressed import CompressedMemory
from pdlearn.replay.memory import Memory
from pdlearn.rollout import EpsilonGreedy, Scripted, Step, steps

CATCH = "pdlearn/Catch-v0"


class Made(gymnasium.Env):
    """An environment whose spaces, rewards and observations are given."""

    def __init__(self, seen, actions, reward=0.0, value=0.0):
        self.observation_space, self.action_space = seen, actions
        self.reward, self.value = reward, value

    def reset(self, *, seed=None, options=None):
        self.time = 0
        return self._look(), {}

    def step(self, action):
        self.time += 1
        late = self.time == 3
        return self._look(), self.reward if late else 0.0, False, False, {}

    def _look(self):
        value = self.value if self.time == 3 else 0.0
        return np.full(self.observation_space.shape, value, self.observation_space.dtype)


VECTOR, TWO = spaces.Box(-np.inf, np.inf, (3,), np.float64), spaces.Discrete(2)
numbers = itertools.count()


def made(*arguments, **keywords):
    """Return the name under which a `Made` is registered."""
    name = f"pdlearn-tests/Made{next(numbers)}-v0"
    gymnasium.register(name, entry_point=lambda: Made(*arguments, **keywords))
    return name


@pytest.mark.parametrize(
    "actions",
    [
        spaces.Box(-1, 1, (1,)), spaces.Box(-1, 1, (100,)), spaces.MultiDiscrete([2] * 100),
        spaces.MultiBinary(100), spaces.Tuple([TWO, TWO]), spaces.Discrete(10**9),
    ],
)  # fmt: skip
def test_other_actions_than_a_few_discrete_ones_are_refused_in_one_sentence(actions):
    with pytest.raises(ValueError, match="expected a Discrete action space of 1 to 256") as raised:
        envs.make(made(VECTOR, actions), 1)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 300


@pytest.mark.parametrize(
    "seen",
    [
        spaces.Tuple([TWO, TWO]), spaces.Dict({"a": VECTOR}), TWO,
        spaces.Box(0, 1, (4, 84, 84), np.float32),  # would be stored as zeros
        spaces.Box(0, 255, (84, 84, 4), np.uint8), spaces.Box(0, 255, (3, 84, 84), np.uint8),
        spaces.Box(0, 255, (210, 160, 3), np.uint8), spaces.Box(-1, 1, ()),
    ],
)  # fmt: skip
def test_other_observations_than_pixels_and_vectors_are_refused_in_one_sentence(seen):
    with pytest.raises(
        ValueError, match=r"expected a Box of pixels, uint8 \[4, 84, 84\]"
    ) as raised:
        envs.make(made(seen, TWO), 1)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere:Env-v0", "No module named 'nowhere'"), ("a:b:c-v0", "too many values"),
        ("pdlearn-tests/Raising-v0", "KeyError: 'x'"),
    ],
)  # fmt: skip
def test_a_game_that_cannot_be_made_is_refused_in_one_sentence(name, told):
    gymnasium.register("pdlearn-tests/Raising-v0", entry_point=lambda: {}["x"])
    with pytest.raises(ValueError, match=f"{name}.* cannot be made .*{told}"):
        envs.make(name, 1)


def test_blackjack_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match="Blackjack-v1 has observations Tuple.*; expected a Box"):
        envs.make("Blackjack-v1", 1)


@pytest.mark.parametrize("number", [math.nan, math.inf, -1e300])
@pytest.mark.parametrize("what", ["reward", "observation"])
def test_the_first_number_that_is_not_finite_stops_the_game_with_copy_and_step(what, number):
    key = {"reward": "reward", "observation": "value"}[what]
    env = envs.make(made(VECTOR, TWO, **{key: number}), 2)
    env.reset(0, "train")
    with pytest.raises(ValueError, match=f"copy 0 gave a {what} of .* at its step 3; expected fin"):
        for _ in range(4):
            env.send(np.array([0, 1]))
            env.recv()


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64])
def test_vectors_of_every_type_are_seen_as_float32(dtype):
    env = envs.make(made(spaces.Box(0, 100, (3,), dtype), TWO), 2)
    assert env.reset(0, "show").dtype == np.float32


@pytest.mark.parametrize("name", ["pong", CATCH])
@pytest.mark.parametrize("num_envs", [0, -1, 10**13, 1.5, None, True, "2"])
def test_a_number_of_copies_out_of_range_is_refused(name, num_envs):
    with pytest.raises(ValueError, match=r"expected num_envs (in 1\.\.4096|as an integer); got"):
        envs.make(name, num_envs)


@pytest.mark.parametrize("name", ["pong", CATCH])
@pytest.mark.parametrize(
    "action", [[6], [-1], [200], [0, 0], [], [[0]], [0.0], [True], [2**40]], ids=str
)
def test_an_action_that_the_game_does_not_have_is_refused_before_it_is_sent(name, action):
    env = envs.make(name, 1)
    env.reset(0, "show")
    with pytest.raises(ValueError, match=rf"{name}: expected actions as integers \[1\] in 0..\d; "):
        env.send(np.array(action))
    env.send(np.array([1]))  # the game goes on
    assert env.recv().reward.shape == (1,)
    env.close()


@pytest.mark.parametrize("name", ["pong", CATCH])
def test_calls_in_another_order_are_refused_and_never_waited_for(name):
    env = envs.make(name, 1)
    with pytest.raises(ValueError, match="expected reset; got send"):
        env.send(np.array([0]))
    env.reset(0, "show")
    with pytest.raises(ValueError, match="expected send; got recv"):
        env.recv()
    env.send(np.array([0]))
    for call in (lambda: env.send(np.array([0])), lambda: env.reset(0, "show")):
        with pytest.raises(ValueError, match="expected recv; got"):
            call()
    env.recv()
    env.close()
    env.close()
    with pytest.raises(ValueError, match="no call after close; got reset"):
        env.reset(0, "show")


@pytest.mark.parametrize("seeds", [[-1], [2**31], [0, 1], [0.5]])
def test_seeds_that_an_emulator_would_not_take_are_refused(seeds):
    env = envs.make(CATCH, 1)
    with pytest.raises(ValueError, match=r"expected seeds as integers \[1\] in 0..2147483647"):
        env.reset_to(np.array(seeds))
    with pytest.raises(ValueError, match="expected seed of at least 0; got -1"):
        env.reset(-1, "train")
    with pytest.raises(ValueError, match="unknown purpose 'test'; expected train"):
        env.reset(0, "test")


class Padded(Catch):
    """Catch whose stacks begin with copies of the first frame, as Gymnasium's wrapper does."""

    def reset(self, **keywords):
        seen, info = super().reset(**keywords)
        self._stack[:] = seen[-1]
        return self._stack.copy(), info


class NewestFirst(Catch):
    def _look(self):
        return super()._look()[::-1].copy()


class LatePadded(Catch):
    """Catch that is padded wrongly from its second episode on."""

    episodes = 0

    def reset(self, **keywords):
        seen, info = super().reset(**keywords)
        self.episodes += 1
        if self.episodes > 1:
            self._stack[:] = seen[-1]
        return self._stack.copy(), info


for kind in (Padded, NewestFirst, LatePadded):
    gymnasium.register(f"pdlearn-tests/{kind.__name__}-v0", entry_point=kind)


def filled(name, kind=Memory):
    env = envs.make(name, 2)
    memory = kind(2 * 60, 2, env.observation_shape, num_actions=3)
    nothing = np.zeros(2)
    for step in itertools.islice(steps(env, Scripted((), 3), 0, "train"), 40):
        memory.add(step, nothing, nothing)
        yield memory, step


@pytest.mark.parametrize("name", ["Padded", "NewestFirst", "LatePadded"])
def test_a_memory_of_frames_refuses_stacks_that_it_cannot_give_back(name):
    with pytest.raises(ValueError, match="stacks of 4 frames, the newest last, with zeros before"):
        list(filled(f"pdlearn-tests/{name}-v0"))


@pytest.mark.parametrize("name", ["Padded", "NewestFirst", "LatePadded"])
def test_a_memory_of_whole_stacks_gives_every_one_back(name):
    env = torch.arange(2)
    for memory, step in filled(f"pdlearn-tests/{name}-v0", CompressedMemory):
        slot = torch.full((2,), memory.added_slots - 1)
        assert torch.equal(memory.observation(slot, env), step.observation)


def a_step(**changed):
    nothing = np.zeros(2, bool)
    values = {"observation": torch.zeros(2, 3), "q": torch.zeros(2, 2), **changed}
    return Step(
        values["observation"], torch.zeros(2, dtype=torch.int64), values["q"], nothing, nothing,
        np.zeros(2), nothing, nothing, nothing,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "reward", "message"),
    [
        ({}, [0.0, math.nan], "copy 1 of the game has a reward of nan at its step 0"),
        ({"q": torch.tensor([[0, math.inf], [0, 0]])}, [0.0, 0.0], "copy 0 .* teacher's values of"),
        ({"observation": torch.full((2, 3), math.nan)}, [0.0, 0.0], "has a observation of"),
        (
            {"observation": torch.zeros(2, 4)},
            [0.0, 0.0],
            r"as float32 \[2, 3\]; got float32 \[2, 4",
        ),
        ({"observation": torch.zeros(2, 3, dtype=torch.uint8)}, [0.0, 0.0], "got uint8"),
    ],
)
def test_a_step_that_would_not_come_back_as_it_is_is_not_stored(changed, reward, message):
    memory = Memory(60, 2, (3,), num_actions=2)
    with pytest.raises(ValueError, match=message):
        memory.add(a_step(**changed), np.array(reward), np.zeros(2))
    assert len(memory) == 0


@pytest.mark.parametrize(
    "arguments",
    [(10**13, 1, (3,)), (60, 0, (3,)), (60, 1, (2, 2)), (60, 1, (0,)), (6.5, 1, (3,)), (60, 1, ())],
)
def test_a_memory_of_wrong_numbers_is_refused(arguments):
    with pytest.raises(ValueError, match="expected (capacity_steps|num_envs|observation)"):
        Memory(*arguments)


@pytest.mark.parametrize("minibatch", [0, -1, 10**13, 1.5, None])
def test_a_minibatch_of_a_wrong_size_is_refused(minibatch):
    memory, _ = next(itertools.islice(filled(CATCH), 20, None))
    with pytest.raises(ValueError, match="expected a minibatch's size"):
        memory.sample_states(minibatch, torch.Generator())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (torch.zeros(2, 18), r"has the actions 0, 1, 2; expected a policy with values \[2, 3\]"),
        (torch.zeros(2, 2), r"values \[2, 3\], got \[2, 2\]"),
        (torch.tensor([[0, 0, math.nan]] * 2), "the policy's values are not finite at step 0"),
    ],
)
def test_a_policy_of_another_game_or_of_nan_is_refused_at_its_first_step(values, message):
    policy = EpsilonGreedy(lambda observation: values, 0.0, torch.Generator())
    with pytest.raises(ValueError, match=message):
        next(steps(envs.make(CATCH, 2), policy, 0, "show"))


@pytest.mark.parametrize("epsilon", [-3, math.nan, math.inf, "0.1", None])
def test_an_epsilon_that_is_no_probability_is_refused(epsilon):
    with pytest.raises(ValueError, match="expected epsilon"):
        EpsilonGreedy(lambda observation: observation, epsilon, torch.Generator())


def test_an_agents_actions_and_preprocessing_are_compared_with_the_games():
    names = ["NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "LEFTFIRE"]
    envs.refuse_mismatch("pong", actions=names, preprocessing=dict(envs.PREPROCESSING))
    with pytest.raises(ValueError, match="made for the actions FIRE, NOOP.*; pong has NOOP, FIRE"):
        envs.refuse_mismatch("pong", actions=[names[1], names[0], *names[2:]])
    with pytest.raises(ValueError, match="'frame_skip' 1; expected 4"):
        envs.refuse_mismatch("pong", preprocessing=envs.PREPROCESSING | {"frame_skip": 1})
    with pytest.raises(ValueError, match="made for the actions 0, 1; .*Catch-v0 has 0, 1, 2"):
        envs.make(CATCH, 1).with_actions(["0", "1"])
