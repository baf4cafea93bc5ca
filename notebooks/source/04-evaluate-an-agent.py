# ---
# jupyter:
#   pdlearn:
#     minutes: 40
#     level: easy
#     prerequisites: ["00"]
#     objectives:
#     - evaluate an agent, and say how certain the score is
#     - say why a score depends on starts, exploration, time limit and seeds
#     - recognise two ways in which scores become biased, and avoid both
#     - compare a student with its teacher, in one game and over many
# ---

# %% [markdown]
# # 04 · Evaluate an agent
#
# How well does an agent play? Its score is the mean of the [scores](glossary.md#score) of several games.
# This needs five decisions: where a game starts, how the agent explores, when a game is cut, which games
# count, and how many. This lesson treats them one by one, on real games.

# %%
import numpy as np
import torch

import pdlearn
from pdlearn import envs, statistics
from pdlearn.exercises import (
    check_first_to_end,
    check_geometric_mean,
    check_interval,
    check_prediction,
)
from pdlearn.lessons import by_budget, pictures, results, show, table
from pdlearn.paper import TABLE_B1, TABLE_B1_MEAN

# %% [markdown]
# ## One line
#
# `evaluate` plays whole games of Pong and keeps every raw score: the game's own points, not the clipped
# [rewards](glossary.md#reward) that a teacher learns from.

# %%
teacher = pdlearn.zoo.load("pong/teacher")
net3 = pdlearn.zoo.load("pong/net3")
score = teacher.score
print(f"on the card: {score['protocol']}; exploration {score['epsilon']}")
settings = pdlearn.EvalConfig(episodes=by_budget(smoke=1, fast=5, full=30))
fresh = {
    name: pdlearn.evaluate(agent, settings)
    for name, agent in (("teacher", teacher), ("net3", net3))
}
for name, games in fresh.items():
    print(f"{name:8s} mean {games.mean:.2f}, games {games.scores}")

# %% [markdown]
# The same agent has different scores in different games, so the mean of a few games is an estimate of
# the mean over all games. The rules of an evaluation are its *protocol*, which is on each agent's card.
#
# ## Starts
#
# The emulator is deterministic: the same actions give the same game. To make games differ, each begins
# with a random number of up to 30 [no-ops](glossary.md#no-op), frames in which nothing is pressed.
#
# ## Exercise 1 · How many starts?
#
# We start 16 copies of Pong. How many different first pictures do they show? Guess, then run.


# %% tags=["nbval-check-output"]
def first_pictures(game, copies=16):
    env = envs.make(game, copies)
    pictures_seen = env.reset(0, "evaluate")  # uint8 [E, 4, 84, 84]
    env.close()
    return pictures_seen


started = first_pictures("pong")
different = len({picture.tobytes() for picture in started})
### BEGIN SOLUTION
# Measured: a no-op moves nothing before the ball is served.
my_guess = 1
### END SOLUTION
check_prediction(my_guess, different, near=2, unit="")

# %% [markdown]
# All sixteen look alike, because the ball is served later. An agent that always took its best action
# would see nearly the same beginning every time and play few different games, which it could have
# memorised.
#
# ## Exploration
#
# So every agent is evaluated with [epsilon](glossary.md#epsilon) 0.05: one action in twenty is random.
# Then games differ from the first seconds on. Epsilon is part of the protocol, not of the agent: scores
# at different epsilons are not comparable.
#
# It also helps agents that are stuck. In Breakout the ball must be served with FIRE. An agent that never
# presses it waits without end:

# %%
env = envs.make("breakout", 1)
env.reset(0, "evaluate")
for _ in range(by_budget(smoke=100, fast=1_000)):
    env.send(np.zeros(1, np.int64))  # NOOP
    outcome = env.recv()
env.close()
show(
    pictures.frames(outcome.observation[0]),
    "Breakout after a thousand steps without FIRE: the wall is whole, and "
    "there is no ball.",
)
cap = envs.MAX_EPISODE_FRAMES
print(f"a game is cut after {cap:,} frames: {cap / 60 / 60:.0f} minutes")

# %% [markdown]
# The time limit ends such a game. An evaluation counts these games in `truncated`. If it is not 0, look
# at the games before you use the mean.
#
# ## Games never played before
#
# Each seed here has one purpose. The emulators' seeds for training, recording, evaluating and showing
# are disjoint (`envs.env_seeds`), so no score comes from a game that was used in training.
#
# ## How many games?
#
# To answer this we need many games of one agent. Random play is fast: any network at epsilon 1. Here it
# plays Breakout, and we keep each game's score and length.

# %%
breakout = pdlearn.GAMES["breakout"]
seeded = torch.Generator().manual_seed(0)
network = pdlearn.QNetwork(breakout.num_actions, "net3", generator=seeded)
player = pdlearn.Agent(network, {"games": {"breakout": breakout.actions}})
games = by_budget(smoke=12, fast=72, full=600)
config = pdlearn.EvalConfig(episodes=games, epsilon=1.0, num_envs=12)
played = pdlearn.evaluate(player, config)
scores, lengths = np.array(played.scores), np.array(played.lengths)
truth = scores.mean()
show(
    pictures.dots(lengths, scores, "agent steps", "score"),
    "Scores of random Breakout games over their lengths, a dot a game: long "
    "games have high scores.",
)

# %% [markdown]
# From now on these games represent *all* games of this player. Their mean, `truth`, is known, so we can
# see how far an evaluation of a few of them is off.
#
# ## Exercise 2 · An interval by bootstrap
#
# Only N games were played; N other games would have another mean. The [bootstrap](glossary.md#bootstrap)
# estimates by how much, from the N games themselves: draw N of them with replacement, take the mean, and
# repeat this 10,000 times,
#
# $$\texttt{means}_b = \frac{1}{N} \sum_{i=1}^{N} \texttt{scores}_{\,j_{bi}}, \qquad j_{bi}
# \ \mathrm{drawn\ from}\ 1 \dots N .$$
#
# The middle 95 % of those means is the [interval](glossary.md#interval). Write it with `rng.integers`
# and `np.quantile`. (It is not the [bootstrapping](glossary.md#bootstrapping) of reinforcement learning.)


# %%
def bootstrap(scores, rng):
    """Return the ends of the 95 % interval of the mean of `scores` [N]."""
    ### BEGIN SOLUTION
    drawn = rng.integers(len(scores), size=(10_000, len(scores)))
    means = scores[drawn].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return low, high
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_interval(bootstrap)

# %% [markdown]
# From here on we use the package's. How wide is it, and does it contain the truth as often as it says?
# We evaluate the random player many times with N games drawn from all.


# %%
def interval_at(games, trials, rng):
    """Return a row: the width, and how often it contains the truth."""
    found = [
        statistics.interval(rng.choice(scores, games), rng, resamples=400)
        for _ in range(trials)
    ]
    holds = np.mean([low <= truth <= high for low, high in found])
    width = np.mean([high - low for low, high in found])
    return {
        "games": games,
        "width": width,
        "contains the truth": f"{holds:.0%}",
    }


rng = np.random.default_rng(1)
trials = by_budget(smoke=20, fast=400)
table([interval_at(games, trials, rng) for games in (3, 5, 10, 30, 100)])

# %% [markdown]
# The table shows two things. More games make the interval narrower: the spread of a mean falls with the
# root of their number, so four times as many games halve it. And with few games the interval contains
# the truth in fewer than 95 % of the cases, because the rare good game is often missing. Use at least
# thirty games, better a hundred.
#
# ## Exercise 3 · Which of the two is better?
#
# Two of the shipped Pong agents, from `docs/results`:

# %% tags=["nbval-check-output"]
(best,) = results("teachers", game="pong")
(second,) = results("students", game="pong", network="net3")
table([best, second], "network", "mean", "low", "high", "episodes")

# %% [markdown]
# How many games would *each* have to play until a difference as small as this one is larger than chance?
# Guess the order of magnitude. (The cell computes the standard deviation of single games from the
# interval: half its width is 1.96 standard deviations divided by the root of N. The standard deviation
# of the difference of two means is larger by root 2.)

# %% tags=["nbval-check-output"]
gap = float(best["mean"]) - float(second["mean"])
half = (float(best["high"]) - float(best["low"])) / 2
spread = half / 1.96 * float(best["episodes"]) ** 0.5
needed = 2 * (1.96 * spread / gap) ** 2
### BEGIN SOLUTION
# Measured: of the order of a hundred, for so small a difference.
my_guess = 118
### END SOLUTION
check_prediction(my_guess, needed, near=200, unit=" games")

# %% [markdown]
# With fewer games, "the teacher is better" is not a finding. Therefore our tables show an interval
# beside each mean, and call a student at 99 % as good as its teacher.
#
# ## Exercise 4 · The first to end
#
# Copies of a game are played in parallel, which is faster. What happens if we stop when N games have
# ended? Write it. `scores` and `lengths` are `[E, G]`: a row is a copy, with its games in order. A game
# ends after its own steps and those of all games before it in its row (`cumsum`). Return the mean score
# of the first `episodes` games to end.


# %%
def first_to_end(scores, lengths, episodes):
    ### BEGIN SOLUTION
    end = lengths.cumsum(1)  # [E, G], the step in which each game ends
    first = end.argsort(axis=None)[:episodes]
    return scores.flatten()[first].mean()
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_first_to_end(first_to_end)

# %% [markdown]
# Now evaluate the random player both ways, many times, on 12 copies: the first N to end, and N divided
# among the copies *beforehand*, as `evaluate` does.

# %%
copies, biased = 12, []
for games in (12, 24, 48, 96, 192):
    means = []
    for _ in range(by_budget(smoke=20, fast=500)):
        drawn = rng.integers(len(scores), size=(copies, games))
        early = statistics.first_to_end(scores[drawn], lengths[drawn], games)
        fixed = scores[drawn][:, : games // copies].mean()
        means.append((early, fixed))
    early, fixed = np.mean(means, 0)
    row = {
        "games": games,
        "first to end": early,
        "fixed": fixed,
        "truth": truth,
    }
    biased.append(row)

# %%
names = ("first to end", "fixed", "truth")
show(
    pictures.columns(biased, "games", "mean score", names),
    "The mean of the first to end lies far below the truth for few games; the "
    "fixed number does not.",
)

# %% [markdown]
# The first to end are the *short* games, and short games of Breakout have low scores. With more games
# the error gets smaller but does not vanish. In a game where a quick end is a win it has the other sign.
# Fixing the number of games of each copy beforehand takes longer and has no bias.
#
# ## Exercise 5 · The best of many
#
# A [teacher](glossary.md#teacher) is evaluated at intervals during training, and the best network is
# kept. How good is the best evaluation? Suppose the agent did not change: it is always as good as the
# shipped teacher, and is evaluated as often as in training, with as many games. Look at the numbers of
# the next cell, then predict the highest of these means, on average.

# %% tags=["nbval-check-output"]
curve = [row for row in results("curves/pong") if row["evaluation"] != "nan"]
evaluations = len(curve)
games = teacher.card["made"]["config"]["evaluation_episodes"]
true_mean = teacher.score["mean"]
print(f"{evaluations} evaluations of {games} games each")
print(
    f"true mean {true_mean:.1f}; single games spread around it by {spread:.1f}"
)

# %%
trials = rng.normal(true_mean, spread, (2_000, evaluations, games)).mean(2)
highest = trials.max(1)
### BEGIN SOLUTION
# Measured: the highest of many noisy means is above the true one.
my_guess = 19.5
### END SOLUTION
check_prediction(my_guess, highest.mean(), near=0.2)

# %%
seen = max(float(row["evaluation"]) for row in curve)
print(f"best of {evaluations} real evaluations while learning: {seen:.1f}")
print(f"the same agent evaluated again: {score['mean']:.1f}")
again = rng.normal(true_mean, spread, (2_000, games)).mean(1)
scored = {
    "evaluated again": again,
    f"best of {evaluations} evaluations": highest,
}
show(
    pictures.histogram(
        scored, f"mean of {games} games", levels={"truth": true_mean}
    ),
    "The best of many evaluations is above the truth; another evaluation of "
    "the same agent is around it.",
)

# %% [markdown]
# Nothing was learnt, but the best evaluation is above the true mean: the maximum is biased upwards. This
# is a sound way to select an agent, but the selecting score must not be reported: evaluate the selected
# agent *again*. The numbers of the real teacher are printed above the picture.
#
# ## Percent of the teacher
#
# A student's score is given in percent of its own teacher's: 100 × student / teacher. Both scores are
# uncertain, so both are resampled. The cell compares the small evaluation from the beginning of the
# lesson with the long one from `docs/results`.


# %%
def resampled_means(scores):
    scores = np.array(scores)
    return scores[rng.integers(len(scores), size=(10_000, len(scores)))].mean(1)


students, teachers = (
    resampled_means(fresh[n].scores) for n in ("net3", "teacher")
)
low, high = np.quantile(100 * students / teachers, [0.025, 0.975])
long = 100 * float(second["mean"]) / true_mean
print(f"here, {settings.episodes} games each: {low:.0f} to {high:.0f} %")
print(f"docs/results, {second['episodes']} games: {long:.0f} %")

# %% [markdown]
# With few games the uncertainty is several percent. `pdlearn zoo check` therefore only checks that an
# agent's interval overlaps the one on its card.
#
# ## Exercise 6 · One number for many games
#
# The paper summarises ten games by the [geometric mean](glossary.md#geometric-mean) of the students'
# percentages: the N-th root of their product, or `exp` of the mean of the logarithms. Write it.


# %%
def geometric_mean(ratios):
    ### BEGIN SOLUTION
    return np.exp(np.log(ratios).mean())
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_geometric_mean(geometric_mean)

# %% [markdown]
# Why not the arithmetic mean? Take two agents and two games. In one game A scores twice as much as B, in
# the other half as much.

# %% tags=["nbval-check-output"]
a_of_b, b_of_a = np.array([200.0, 50.0]), np.array([50.0, 200.0])
for name, percent in (("A in % of B", a_of_b), ("B in % of A", b_of_a)):
    geometric = statistics.geometric_mean(percent)
    print(f"{name}: arithmetic {percent.mean():.0f}, geometric {geometric:.0f}")

# %% [markdown]
# By the arithmetic mean each is better than the other. The geometric mean of the inverse ratios is the
# inverse of the mean. Now the paper's own table B1, students of three sizes in ten games (its teachers
# and starts, not ours):

# %% tags=["nbval-check-output"]
summed = {}
for size, printed in TABLE_B1_MEAN.items():
    percent = [students[size] for students in TABLE_B1.values()]
    summed[size] = {
        "lowest of ten games": min(percent),
        "arithmetic mean": round(np.mean(percent), 1),
        "geometric mean": round(statistics.geometric_mean(percent), 1),
        "the paper's": printed,
    }
table(summed, of="student")

# %% [markdown]
# The geometric mean equals the paper's, except for the rounding of its table. It is always the lower
# one, most of all where one game is very low, as Space Invaders is. It needs numbers above 0, and a
# student that loses at Pong has a score below 0. `statistics.geometric_mean` then raises an error.

# %% [markdown]
# ## Quiz
#
# 1. Why is an agent evaluated with one random action in twenty?
#    <details><summary>Answer</summary>The emulator is deterministic. Without random actions an agent
#    would play a few games again and again, and could be stuck in one.</details>
# 2. You play four times as many games. How much narrower is the interval?
#    <details><summary>Answer</summary>Half as wide: the spread of a mean falls with the root of the
#    number.</details>
# 3. Twelve copies play Breakout and you stop after twelve games. What goes wrong?
#    <details><summary>Answer</summary>Short games end first, so too many of them are counted; in
#    Breakout they have low scores. Fix each copy's number of games beforehand.</details>
# 4. A training log says "best evaluation 20.1". What do you print in the table?
#    <details><summary>Answer</summary>Not this number: it is the maximum of many. Keep the agent that
#    reached it and evaluate it again, on other games.</details>
# 5. A paper's percentages and yours are of different teachers, from different starts. May you subtract
#    them?
#    <details><summary>Answer</summary>No. They may be shown beside each other, each with its protocol.
#    The paper starts from positions of human play, this package from no-ops.</details>

# %% [markdown]
# ## Key points
#
# - A score belongs to a protocol: starts, exploration, time limit, raw rewards, unseen seeds.
# - A mean without an interval says nothing about a difference. Use at least thirty games.
# - Fix the number of games of each copy beforehand. Evaluate again what an evaluation selected.
# - Percent of the teacher for one game, the geometric mean of percentages over many.
#
# The protocol is that of the paper's section 4, except for the starts. The paper's table B1 has the
# numbers above. `pdlearn evaluate` and `pdlearn zoo check` do the same in the shell.
