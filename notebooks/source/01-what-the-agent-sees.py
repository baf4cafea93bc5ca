# ---
# jupyter:
#   pdlearn:
#     minutes: 35
#     level: start
#     prerequisites: ['00']
#     objectives:
#     - make an agent's observation from the Atari's screen, and say what each step of it is for
#     - tell actions, frames, steps, lives and episodes apart, and count them right
#     - name the traps that make scores of two agents mean different things
# ---

# %% [markdown]
# # 01 · What the agent sees
#
# The Atari draws 60 pictures a second, 210 rows of 160 pixels in colour. The agent sees something
# else: an [observation](glossary.md#observation), four small grey pictures, 15 times a second. This
# lesson makes the one from the other by hand, until yours is the package's but for a grey level here
# and there.

# %%
import numpy as np
import torch
from torch import nn

import pdlearn
from pdlearn import envs
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
from pdlearn.rollout import EpsilonGreedy, steps

# %% [markdown]
# ## Ten games
#
# `emulator.Emulator` is the machine itself, one [frame](glossary.md#frame) at a time. Here are the
# paper's ten games, each after some seconds of random play.

# %%
rng = np.random.default_rng(0)
screens = []
for game in GAMES.values():
    atari = emulator.Emulator(game.name)
    for action in rng.integers(game.num_actions, size=by_budget(smoke=5, fast=80)):
        emulator.agent_step(atari, action)
    screens.append(atari.screen)
show(
    pictures.screens(screens, [game.title for game in GAMES.values()]),
    "The screens of ten Atari games in colour: aliens, bricks, cars, a maze, paddles, cubes, a river.",
)

# %% [markdown]
# ## The joystick
#
# A joystick has nine positions and a button, so 18 [actions](glossary.md#action). Most games use
# fewer. A network has one output for each action that its game uses, in this order (here are the
# first six of each game):

# %% tags=["nbval-check-output"]
table(
    [
        {"game": game.title, "actions": game.num_actions, "0, 1, 2, …": ", ".join(game.actions[:6])}
        for game in GAMES.values()
    ]
)

# %% [markdown]
# ## Exercise 1 · The same number
#
# An agent that learnt Pong is put into Freeway and takes action 2. What does the joystick do:
# `"RIGHT"`, `"UP"` or `"DOWN"`?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
pressed = "DOWN"
### END SOLUTION
check_choice("The same number", pressed)

# %% [markdown]
# ## Grey, then small
#
# Colour is given up first, then size: 84 × 84 pixels are enough to see Pong's ball, and are 14
# times fewer numbers than the screen has.

# %%
pong = emulator.Emulator("pong")
for action in rng.integers(6, size=60):
    emulator.agent_step(pong, action)
small = emulator.shrink(pong.grey)
print(f"{pong.screen.size / small.size:.1f} times fewer numbers")
show(
    pictures.screens(
        [pong.screen, pong.grey, small], ["210 × 160 × 3", "210 × 160", "84 × 84"], columns=3
    ),
    "Pong in colour, in grey, and shrunk to a square: paddles and ball are still there.",
)

# %% [markdown]
# ## Exercise 2 · Shrink
#
# Each of the 84 × 84 pixels is the *mean of the area* that it covers: 210 / 84 = 2.5 rows by
# 160 / 84 = 40 / 21 columns. A trick avoids half pixels. Write every row twice
# (`frame.repeat(2, axis=0)`), then five rows make one; write every column 21 times, then forty
# make one. `reshape` and `mean` do the rest. Round at the end.


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
# Libraries differ here: some pick single pixels, some take a smooth mean. A network that was
# trained under one of them sees other grey levels under another, and may play worse for it.
#
# ## Flicker
#
# The Atari can draw few things at once. Games get round it by drawing some of them in every second
# frame only. The eye does not notice; a network that sees one frame does. So the agent gets the
# brighter of two neighbouring frames, pixel by pixel.

# %%
maze = emulator.Emulator("ms_pacman")
for _ in range(by_budget(smoke=300, fast=400)):
    maze.act(0)
pair = [maze.grey]
maze.act(0)
pair.append(maze.grey)
cut = [frame[:172] for frame in (*pair, np.maximum(*pair))]
show(
    pictures.screens(cut, ["one frame", "the next", "the brighter of both"], columns=3),
    "Ms. Pacman: ghosts missing in one frame are in the next; the brighter of both has all.",
)

# %% [markdown]
# ## Exercise 3 · One step of the agent
#
# The agent decides at every fourth frame; in between its action is held. Write an agent step: call
# `emulator.act(action)` four times, look at `emulator.grey` after each, and return the brighter of
# the *last two* frames (`np.maximum`) and the sum of all four [rewards](glossary.md#reward).


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
# Mind the units ever after: *frames* run at 60 a second, *steps* at 15. The paper's "30 minutes a
# game at most" are 108,000 frames and 27,000 steps.
#
# ## Exercise 4 · The stack
#
# A single picture does not say where the ball is going. The observation is the last four of them,
# the oldest first. Before the first there is nothing: zeros. Write what happens to the stack when a
# new frame comes.


# %%
def push(stack, frame):
    """From [4, 84, 84] and [84, 84] to the next [4, 84, 84]; the stack given stays as it is."""
    ### BEGIN SOLUTION
    return np.concatenate([stack[1:], frame[None]])
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_push(push)

# %% [markdown]
# ## The three together
#
# `emulator.play` does what you wrote: step, shrink, push. `pdlearn.envs` does it in C++, many games
# at once, and all learning and judging goes through it. The same actions in both:

# %%
no_ops = emulator.no_ops_of(seed=0)
rows = []
for name in ("pong", "breakout", "space_invaders")[: by_budget(smoke=1, fast=3)]:
    actions = rng.integers(GAMES[name].num_actions, size=by_budget(smoke=20, fast=100))
    theirs, points = emulator.play_environment(name, actions, seed=0)
    by_hand, counted = emulator.play(emulator.Emulator(name, no_ops), actions)
    assert emulator.difference(by_hand, theirs) <= 1 and (points == counted).all()
    equal = f"{(by_hand == theirs).mean():.4%}"
    rows.append({"game": name, "steps": len(actions), "equal pixels": equal})
table(rows)

# %% [markdown]
# What is not equal differs by one grey level, where a mean lies half way between two.
#
# ## No-op starts
#
# There is no chance in the emulator: the same actions from the same start give the same game, and
# an agent could learn one game by heart. So every game begins with a random number of frames, up to
# 30, in which nothing is pressed, a [no-op start](glossary.md#no-op-start). `no_ops_of` found how
# many it was above. Other libraries bring in chance by *sticky actions*, which now and then repeat
# the last one; scores of the two are not to be compared.

# %%
print(f"{no_ops} no-ops")
plan = rng.integers(6, size=30)
starts = (no_ops, no_ops, no_ops + 1)
first, again, later = (emulator.play(emulator.Emulator("pong", n), plan)[0] for n in starts)
print("same start, same game:   ", np.array_equal(first, again))
print("one no-op more, same game:", np.array_equal(first, later))
show(
    pictures.frames(first[2], ["empty", "first", "second", "third"]),
    "The observation after two steps of Pong: its oldest frame is black, the game had not begun.",
)

# %% [markdown]
# ## Exercise 5 · One frame only
#
# `pong/net3` plays Pong well. Now it sees its newest frame four times over, so nothing moves. Guess
# its score, from -21 to 21, before you run the check.


# %%
class OneFrame(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, observation):
        return self.network(observation[:, -1:].expand(-1, 4, -1, -1))


# %%
### BEGIN SOLUTION
my_guess = 5
### END SOLUTION
net3 = pdlearn.zoo.load("pong/net3")
judged = pdlearn.EvalConfig(episodes=by_budget(smoke=1, fast=4), num_envs=4)
blinded = pdlearn.evaluate(pdlearn.Agent(OneFrame(net3.network), net3.card), judged)
check_prediction(my_guess, blinded.mean, near=4)

# %%
print(f"with four frames {net3.score['mean']:.1f}, with one {blinded.mean:.1f}")

# %% [markdown]
# One frame shows where the ball is. Which way it goes, only two frames show. (`net3` was taught with
# four different ones. A network taught with one frame might make more of it, but it could not see
# the way of the ball either.)
#
# ## Rewards, lives, ends
#
# `rollout.steps` plays several copies of a game at once and tells what happened at each step.
# Random play in three games:

# %%
tallies = []
for name in ("breakout", "space_invaders", "qbert"):
    env = envs.make(name, 8)
    network = pdlearn.QNetwork(env.num_actions, "net3")
    policy = EpsilonGreedy(network, epsilon=1.0, generator=torch.Generator().manual_seed(0))
    played = steps(env, policy, seed=0, purpose="show")
    step_list = [next(played) for _ in range(by_budget(smoke=20, fast=300))]
    played.close()
    reward = np.concatenate([step.reward for step in step_list])
    tallies.append(
        {
            "game": name,
            "lives lost": sum(int(step.life_lost.sum()) for step in step_list),
            "games over": sum(int(step.terminated.sum()) for step in step_list),
            "kinds of reward": ", ".join(f"{r:g}" for r in np.unique(reward)),
            "raw sum": f"{reward.sum():g}",
            "clipped sum": f"{np.sign(reward).sum():g}",
        }
    )
table(tallies)

# %% [markdown]
# A game may have several [lives](glossary.md#life) and lasts until the last is lost. For
# *learning*, deep Q-learning clips rewards to -1, 0 or 1, and takes a lost life for an end (lesson
# 02). For *judging*, both are wrong: a score is the sum of raw rewards of a whole game.
#
# Two traps lie here. ale-py's vector environment clips rewards unless it is told not to, and with
# `episodic_life=True` it starts a new game after every lost life. An agent judged so gets scores
# that cannot be compared with anybody's. `pdlearn.envs` does neither; clipping happens where a step
# is stored.
#
# ## Exercise 6 · Where episodes end
#
# When a game is over, its copy starts the next one by itself. That takes a step of its own: the
# step *after* an end ignores its action and brings the first observation of the next
# [episode](glossary.md#episode).
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
# A memory that takes the void step for a real one learns that the last screen of a game leads to
# the first of the next. Lesson 02 keeps such steps out.
#
# ## Who presses FIRE?
#
# In Breakout the ball comes only after FIRE. Some libraries press it for the agent, at each start
# or after each lost life; here nobody does, an agent learns it. What happens to one that never
# learnt it?

# %%
wall = emulator.Emulator("breakout")
waited, _ = emulator.play(wall, [0] * by_budget(smoke=10, fast=60))
fired, _ = emulator.play(wall, [1] + [0] * 6)
show(
    pictures.screens(
        [waited[-1, -1], fired[-1, -1]],
        [f"{len(waited) - 1} steps of NOOP", "FIRE, 6 steps later"],
        columns=2,
    ),
    "Breakout twice: without FIRE there is no ball, after FIRE there is one below the wall.",
)

# %% [markdown]
# A [greedy](glossary.md#greedy) agent from another library waits here for ever, or until time is
# up. So judging uses a small [epsilon](glossary.md#epsilon) of random actions, and reports how many
# games were cut off.

# %% [markdown]
# ## Quiz
#
# 1. How many frames is a minute of play, and how many decisions of the agent?
#    <details><summary>Answer</summary>3,600 frames, and a quarter of that, 900 steps.</details>
# 2. Why the brighter of two frames, and not their mean?
#    <details><summary>Answer</summary>What is drawn in every second frame would be half as bright
#    as what is drawn always.</details>
# 3. Why do games begin with a random number of no-ops?
#    <details><summary>Answer</summary>The emulator has no chance in it. Without them every game
#    would begin alike, and learning one game by heart would look like playing well.</details>
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
# - The environment is raw: clipping and lost lives are the learner's affair, a score is the game's own.
# - The step after an end belongs to no episode.
