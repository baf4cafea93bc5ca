# ---
# jupyter:
#   pdlearn:
#     minutes: 35
#     level: start
#     prerequisites: ['00']
#     objectives:
#     - make an agent's observation from the Atari's screen, and say what each step of it is for
#     - distinguish actions, frames, steps, lives and episodes, and count them correctly
#     - name the mistakes that make scores of two agents incomparable
# ---

# %% [markdown]
# # 01 · What the agent sees
#
# The Atari draws 60 pictures a second, 210 rows of 160 pixels in colour. The agent receives an
# [observation](glossary.md#observation) of four small grey pictures, 15 times a second. In this lesson
# you compute the observation from the pictures. The result equals the package's up to one grey level.
#
# ![Four raw frames of Pong; the brighter of the last two in grey; the same in 84 by 84 pixels; a stack of
# four of these.](images/preprocessing.svg)

# %%
import numpy as np
from torch import nn

import pdlearn
from pdlearn.exercises import (
    check_agent_step,
    check_choice,
    check_episode_lengths,
    check_prediction,
    check_push,
    check_shrink,
)
from pdlearn.games import GAMES
from pdlearn.lessons import by_budget, emulator, pictures, show, table

# %% [markdown]
# ## Ten games
#
# `emulator.Emulator` runs a game one [frame](glossary.md#frame) at a time. Here are the paper's ten
# games, each after some seconds of random play.

# %%
rng = np.random.default_rng(0)
screens = {}
for game in GAMES.values():
    atari = emulator.Emulator(game.name)
    for action in rng.integers(
        game.num_actions, size=by_budget(smoke=5, fast=80)
    ):
        emulator.agent_step(atari, action)
    screens[game.title] = atari.screen
show(
    pictures.screens(screens),
    "The screens of ten Atari games in colour: aliens, bricks, cars, a maze, "
    "paddles, cubes, a river.",
)

# %% [markdown]
# ## The joystick
#
# A joystick has nine positions and a button, so 18 [actions](glossary.md#action). Most games use
# fewer. A network has one output for each action that its game uses, in this order (here are the
# first six of each game):

# %% tags=["nbval-check-output"]
table(
    {
        game.title: {
            "actions": game.num_actions,
            "0, 1, 2, …": ", ".join(game.actions[:6]),
        }
        for game in GAMES.values()
    },
    of="game",
)

# %% [markdown]
# ## Exercise 1 · The same number
#
# An agent trained on Pong plays Freeway and takes action 2. What does the joystick do: `"RIGHT"`, `"UP"`
# or `"DOWN"`?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
pressed = "DOWN"
### END SOLUTION
check_choice("The same number", pressed)

# %% [markdown]
# ## Grey, then small
#
# Colour is removed first, then the size is reduced: 84 × 84 pixels are enough to see Pong's ball, and
# are 14 times fewer numbers than the screen has.

# %%
pong = emulator.Emulator("pong")
for action in rng.integers(6, size=60):
    emulator.agent_step(pong, action)
small = emulator.shrink(pong.grey)
print(f"{pong.screen.size / small.size:.1f} times fewer numbers")
show(
    pictures.screens(
        {"210 × 160 × 3": pong.screen, "210 × 160": pong.grey, "84 × 84": small}
    ),
    "Pong in colour, in grey, and shrunk to a square: paddles and ball are "
    "still visible.",
)

# %% [markdown]
# ## Exercise 2 · Shrink
#
# Each of the 84 × 84 pixels is the *mean of the area* that it covers: 210 / 84 = 2.5 rows by 160 / 84 =
# 40 / 21 columns. To avoid half pixels, repeat every row twice (`frame.repeat(2, axis=0)`) and average
# five rows at a time; repeat every column 21 times and average forty at a time. Use `reshape` and
# `mean`. Round at the end.


# %%
def shrink(frame):
    """From uint8 [210, 160] to uint8 [84, 84]."""
    ### BEGIN SOLUTION
    rows = frame.repeat(2, axis=0).reshape(84, 5, 160).mean(axis=1)
    pixels = rows.repeat(21, axis=1).reshape(84, 84, 40).mean(axis=2)
    return pixels.round().astype(np.uint8)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_shrink(shrink)

# %% [markdown]
# Libraries differ here: some take single pixels, some a smooth mean. A network that was trained with one
# of them receives other grey levels from another, and may play worse.
#
# ## Flicker
#
# The Atari can draw only a few objects at once. Therefore games draw some of them in every second frame
# only, and a single frame can lack an object. So the agent gets the brighter of two consecutive frames,
# pixel by pixel.

# %%
maze = emulator.Emulator("ms_pacman")
for _ in range(by_budget(smoke=300, fast=400)):
    maze.act(0)
one = maze.grey[:172]  # without the lines for lives and score
maze.act(0)
other = maze.grey[:172]
both = np.maximum(one, other)
show(
    pictures.screens(
        {"one frame": one, "the next": other, "the brighter of both": both}
    ),
    "Ms. Pacman: ghosts missing in one frame are in the next; the brighter of "
    "both has all.",
)

# %% [markdown]
# ## Exercise 3 · One step of the agent
#
# The agent decides at every fourth frame; its action is held in between. Write an agent step: call
# `emulator.act(action)` four times, look at `emulator.grey` after each, and return the brighter of the
# *last two* frames (`np.maximum`) and the sum of all four [rewards](glossary.md#reward).


# %%
def agent_step(emulator, action):
    """Return a frame uint8 [210, 160] and the points of four frames."""
    ### BEGIN SOLUTION
    reward, frames = 0.0, []
    for _ in range(4):
        reward += emulator.act(action)
        frames.append(emulator.grey)
    return np.maximum(frames[-2], frames[-1]), reward
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_agent_step(agent_step)

# %% [markdown]
# Note the units: there are 60 *frames* and 15 *steps* a second. The paper's limit of 30 minutes a game
# is 108,000 frames or 27,000 steps.
#
# ## Exercise 4 · The stack
#
# A single picture does not show the ball's direction. The observation is a stack of the last four, the
# oldest first. Missing pictures at the start of a game are zeros. Write how a new frame changes the
# stack.


# %%
def push(stack, frame):
    """From [4, 84, 84] and [84, 84] to a new [4, 84, 84]."""
    ### BEGIN SOLUTION
    return np.concatenate([stack[1:], frame[None]])
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_push(push)

# %% [markdown]
# ## All steps together
#
# `emulator.play` does the same: step, shrink, push. `pdlearn.envs` does it in C++ for many games at
# once; all training and evaluation uses it. The same actions in both:

# %%
no_ops = emulator.no_ops_of(seed=0)
rows = []
for name in ("pong", "breakout", "space_invaders")[
    : by_budget(smoke=1, fast=3)
]:
    num_actions = GAMES[name].num_actions
    actions = rng.integers(num_actions, size=by_budget(smoke=20, fast=100))
    theirs, points = emulator.play_environment(name, actions, seed=0)
    by_hand, counted = emulator.play(emulator.Emulator(name, no_ops), actions)
    assert emulator.difference(by_hand, theirs) <= 1
    assert (points == counted).all()
    equal = f"{(by_hand == theirs).mean():.4%}"
    rows.append({"game": name, "steps": len(actions), "equal pixels": equal})
table(rows)

# %% [markdown]
# The other pixels differ by one grey level, where a mean is half way between two levels.
#
# ## No-op starts
#
# The emulator is deterministic: the same actions from the same start give the same game, and an agent
# could memorise one game. So every game begins with a random number of frames, up to 30, in which
# nothing is pressed, a [no-op start](glossary.md#no-op-start). `no_ops_of` found this number for the
# games above. Other libraries use *sticky actions*, which repeat the last action at random. Scores with
# sticky actions are not comparable with ours.

# %%
print(f"{no_ops} no-ops")
plan = rng.integers(6, size=30)
first, again, later = (
    emulator.play(emulator.Emulator("pong", waited), plan)[0]
    for waited in (no_ops, no_ops, no_ops + 1)
)
print("same start, same game:   ", np.array_equal(first, again))
print("one no-op more, same game:", np.array_equal(first, later))
show(
    pictures.frames(first[2], ["empty", "first", "second", "third"]),
    "The observation after two steps of Pong: its oldest frame is black, "
    "before the game's start.",
)

# %% [markdown]
# ## Exercise 5 · One frame only
#
# `pong/net3` plays Pong well. Now its four frames are all the newest one, so nothing moves. Guess its
# score, from -21 to 21, before you run the check.


# %%
class OneFrame(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, observation):
        return self.network(observation[:, -1:].expand(-1, 4, -1, -1))


# %%
### BEGIN SOLUTION
# Measured: with four equal frames the network cannot see the ball move.
my_guess = -20.5
### END SOLUTION
net3 = pdlearn.zoo.load("pong/net3")
settings = pdlearn.EvalConfig(episodes=by_budget(smoke=1, fast=4), num_envs=4)
blinded = pdlearn.evaluate(
    net3.with_network(OneFrame(net3.network), "logits"), settings
)
check_prediction(my_guess, blinded.mean, near=4)

# %%
print(f"with four frames {net3.score['mean']:.1f}, with one {blinded.mean:.1f}")

# %% [markdown]
# One frame shows the ball's position; its direction needs two. (`net3` was trained with four different
# frames. A network trained with one frame might play better with it, but would not know the ball's
# direction either.)
#
# ## Rewards, lives, ends
#
# `rollout.steps` plays several copies of a game at once and returns what happened at each step. Random
# play in three games:

# %%
tallies = []
for name in ("breakout", "space_invaders", "qbert"):
    played = emulator.random_play(name, by_budget(smoke=20, fast=300))
    reward = np.concatenate([step.reward for step in played])
    row = {
        "game": name,
        "lives lost": sum(int(step.life_lost.sum()) for step in played),
        "games over": sum(int(step.terminated.sum()) for step in played),
        "kinds of reward": ", ".join(f"{r:g}" for r in np.unique(reward)),
        "raw sum": f"{reward.sum():g}",
        "clipped sum": f"{np.sign(reward).sum():g}",
    }
    tallies.append(row)
table(tallies)

# %% [markdown]
# A game may have several [lives](glossary.md#life) and lasts until the last is lost. For *learning*,
# deep Q-learning clips rewards to -1, 0 or 1, and treats a lost life as an end (lesson 02). For
# *evaluation*, both are wrong: a score is the sum of raw rewards of a whole game.
#
# Two mistakes are easy to make. ale-py's vector environment clips rewards by default, and with
# `episodic_life=True` it starts a new game after every lost life. Scores from such an evaluation are not
# comparable with others. `pdlearn.envs` does neither; rewards are clipped when a step is stored.
#
# ## Exercise 6 · Where episodes end
#
# When a game is over, its copy starts the next one. This takes one step: the step *after* an end ignores
# its action and returns the first observation of the next [episode](glossary.md#episode).
#
# ```
#   t          0   1   2   3   4   5   6
#   ended      .   .   yes .   .   yes .
#   counts for 1   1   1   -   2   2   -
# ```
#
# `ended` says for each step of one copy whether its game ended there. Return the lengths of the
# finished episodes, in steps. For the steps above that is `[3, 2]`.


# %%
def episode_lengths(ended):
    """From bool [T] to a list of lengths."""
    ### BEGIN SOLUTION
    lengths, length, void = [], 0, False
    for end in ended:
        if not void:
            length += 1
        if end:
            lengths.append(length)
            length = 0
        void = end
    return lengths
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_episode_lengths(episode_lengths)

# %% [markdown]
# Gymnasium calls this *next-step autoreset*. If a memory stored the step of the reset, a network would
# learn that the last screen of a game leads to the first of the next. Lesson 02 excludes such steps.
#
# ## Who presses FIRE?
#
# In Breakout the ball appears only after FIRE. Some libraries press it for the agent, at each start or
# after each lost life. Here the agent has to learn it. What happens to an agent that has not?

# %%
wall = emulator.Emulator("breakout")
waiting = by_budget(smoke=10, fast=60)
waited, _ = emulator.play(wall, [0] * waiting)
fired, _ = emulator.play(wall, [1] + [0] * 6)
newest = {
    f"{waiting} steps of NOOP": waited[-1, -1],
    "FIRE, 6 steps later": fired[-1, -1],
}
show(
    pictures.screens(newest),
    "Breakout twice: without FIRE there is no ball, after FIRE there is one "
    "below the wall.",
)

# %% [markdown]
# A [greedy](glossary.md#greedy) agent from another library waits here until the time limit. So an
# evaluation uses a small [epsilon](glossary.md#epsilon) of random actions, and reports how many games
# were cut off.

# %% [markdown]
# ## Quiz
#
# 1. How many frames is a minute of play, and how many decisions of the agent?
#    <details><summary>Answer</summary>3,600 frames, and a quarter of that, 900 steps.</details>
# 2. Why the brighter of two frames, and not their mean?
#    <details><summary>Answer</summary>An object that is drawn in every second frame would be half as
#    bright as one that is drawn in every frame.</details>
# 3. Why do games begin with a random number of no-ops?
#    <details><summary>Answer</summary>The emulator is deterministic. Without no-ops every game would
#    begin alike, and an agent that has memorised one game would seem to play well.</details>
# 4. An agent earns 25 points at once in Q\*bert. What does it learn from, and what is its score?
#    <details><summary>Answer</summary>It learns from a clipped reward of 1; its score grows by
#    25.</details>
# 5. The first observation of a game: what is in its four frames?
#    <details><summary>Answer</summary>Three frames of zeros, and the first picture last.</details>

# %% [markdown]
# ## Key points
#
# - An observation: grey, the brighter of two frames, 84 × 84 means of areas, the last four of them.
# - Four frames are one step; points of all four count.
# - The newest frame is last, and before the first there are zeros.
# - The environment returns raw rewards; clipping and lost lives concern learning only.
# - The step after an end belongs to no episode.
