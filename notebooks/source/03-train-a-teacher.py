# ---
# jupyter:
#   pdlearn:
#     minutes: 40
#     level: easy
#     prerequisites: ["00"]
#     objectives:
#     - train a deep Q-network, watch it learn, and say what each setting does
#     - compute a target by hand, and write the schedule of exploration
#     - break the training in three ways and recognise the effects
#     - train a teacher of your own, stop it and resume it
# ---

# %% [markdown]
# # 03 · Train a teacher
#
# Distillation needs a teacher: a network that has learnt a game from pixels and points alone. This is a
# deep Q-network, DQN (Mnih et al. 2015). Pong's [teacher](glossary.md#teacher) learnt for hours; here
# the same code learns a smaller game in a minute.

# %%
import itertools
import tempfile
from dataclasses import replace

import torch

import pdlearn
from pdlearn import dqn, envs, losses, plots
from pdlearn.exercises import (
    check_choice,
    check_epsilon,
    check_prediction,
)
from pdlearn.lessons import (
    by_budget,
    measures,
    pictures,
    results,
    show,
    table,
)
from pdlearn.widgets import watch

# %% [markdown]
# ## The Pong teacher's training
#
# The training of the shipped teacher, read from `docs/results`. A dot is an evaluation, the pale line is
# the score of the training games. This lesson explains what happens between the first dot and the last.

# %%
curve = results("curves/pong")
show(
    plots.learning_curve("pong", curve),
    "Pong's teacher: its score begins at random play and rises steeply to "
    "Nature DQN's.",
)

# %% [markdown]
# ## A small game
#
# In Catch a ball falls, and a paddle three cells wide has to be under it: 1 point if it is, -1 if not.
# Observations have the same form as in an Atari game, `[4, 84, 84]` pixels, but a game is only eleven
# steps long.

# %%
env = envs.make("pdlearn/Catch-v0", 1)
observation = env.reset(seed=1, purpose="show")
for action in (0, 1, 1, 2, 1):  # 0 stays, 1 goes left, 2 right
    env.send(torch.tensor([action]).numpy())
    observation = env.recv().observation
env.close()
show(
    pictures.frames(observation[0]),
    "Four frames of Catch: a white ball falls, the grey paddle moves below.",
)

# %% [markdown]
# ## Exercise 1 · Playing at random
#
# What is the mean score of random play? The score is 1 if all balls are caught, and -1 if none is.

# %%
catch_actions = {"pdlearn/Catch-v0": ["0", "1", "2"]}
seeded = torch.Generator().manual_seed(0)
network = pdlearn.QNetwork(3, "net3", generator=seeded)
player = pdlearn.Agent(network, {"games": catch_actions})
balls = by_budget(smoke=30, fast=300)
at_random = pdlearn.EvalConfig(episodes=balls, epsilon=1.0)
random_score = pdlearn.evaluate(player, at_random).mean
### BEGIN SOLUTION
# Measured: a paddle three cells wide rarely stands under the ball by chance.
my_guess = -0.45
### END SOLUTION
check_prediction(my_guess, random_score, near=0.1)

# %% [markdown]
# ## What is learnt
#
# The network gives a [Q-value](glossary.md#q-value) for each action: the points to come. The right
# values are not known. It learns from its own estimate one step later, which is slightly better because
# it contains a real reward. Learning from one's own estimate is
# [bootstrapping](glossary.md#bootstrapping):
#
# $$\texttt{target} = \texttt{reward\_t} + \texttt{discount\_t} \cdot \max_a \texttt{target\_q\_t}[a].$$
#
# `discount_t` is [gamma](glossary.md#discount), 0.99, or 0 after the game's end.
#
# ## Exercise 2 · A target by hand
#
# Three transitions: one in the middle of a game, one that wins the last point, and one that is cut by
# the time limit. Compute the target of the *second* with the equation, before you run the cell.

# %%
reward = torch.tensor([0.0, 1.0, 0.0])
discount = torch.tensor([0.99, 0.0, 0.99])
next_q = torch.tensor([[0.2, 0.5], [0.7, 0.9], [0.1, -0.4]])
targets = losses.td_target(reward, discount, next_q)
### BEGIN SOLUTION
# Measured: the game is over, so nothing follows the point.
my_guess = 1.0
### END SOLUTION
check_prediction(my_guess, targets[1].item(), near=0.001)

# %% tags=["nbval-check-output"]
print(targets)

# %% [markdown]
# The first transition is in the middle of a game, the third is cut by the time limit: both add the
# discounted value of the best next action. `losses.td_target` does this for a minibatch; in lesson 02
# you write it.

# %% [markdown]
# ## Exercise 3 · A time limit
#
# A time limit cuts a game while the ball is in the air. Which discount belongs to its last transition:
# `"zero"` or `"gamma"`?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
my_choice = "gamma"
### END SOLUTION
check_choice("A time limit", my_choice)

# %% [markdown]
# ## Exploration
#
# An agent that always takes the action with the highest value never finds a better one. So it acts at
# random with probability [epsilon](glossary.md#epsilon), which falls linearly from `epsilon_start` to
# `epsilon_final` over `epsilon_decay_steps` and is constant afterwards.
#
# ## Exercise 4 · The schedule
#
# Write it; `config` has the three settings under these names.


# %%
def epsilon_at(config, agent_steps):
    ### BEGIN SOLUTION
    done = min(agent_steps / config.epsilon_decay_steps, 1.0)
    return config.epsilon_start + done * (
        config.epsilon_final - config.epsilon_start
    )
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_epsilon(epsilon_at)

# %% [markdown]
# ## The settings
#
# All settings of a run are in one object. These are ours for Catch:

# %%
catch = replace(
    pdlearn.DQNConfig(),
    size="net3",
    num_envs=8,  # copies of the game, side by side
    agent_steps=by_budget(smoke=800, fast=6_000),  # of all copies together
    memory_steps=6_000,  # the newest steps that are kept
    learn_start_steps=by_budget(smoke=200, fast=500),  # before learning begins
    minibatch=32,
    samples_per_step=4.0,  # transitions learnt for each one played
    priority_exponent=0.0,  # drawn uniformly
    n_step=3,
    learning_rate=1e-3,
    learning_rate_final=5e-5,
    target_period_updates=100,  # between copies into the target network
    epsilon_final=0.02,
    epsilon_decay_steps=3_000,
    evaluation_period_steps=by_budget(smoke=200, fast=500),
    evaluation_episodes=20,
    evaluation_epsilon=0.0,  # Catch draws each ball at random
)

# %%
schedule = [
    {"agent_steps": n, "epsilon": dqn.epsilon_at(catch, n)}
    for n in range(0, catch.agent_steps, 50)
]
show(
    pictures.curves({"teacher": schedule}, ["epsilon"], x="agent_steps"),
    "Exploration falls on a straight line and stays at its last value.",
)

# %% [markdown]
# Four parts work together, as on the left of this picture. On the right is *parallel Q-learning* (PQN,
# Gallici et al. 2024, with our settings), which needs neither memory nor target network: its steps differ
# because 128 copies of the game are played at once. `pdlearn train --method pqn` trains by it.
#
# ![Two loops. DQN: few copies of a game, a replay memory, random minibatches, a target network. PQN: 128
# copies, their newest steps for two epochs, the network's own values.](images/loops.svg)
#
# - The agent **plays**, epsilon-greedily, and each step goes into the
#   [replay memory](glossary.md#replay-memory). After `learn_start_steps` it begins to learn.
# - It **learns** from minibatches drawn at random from that memory: consecutive states are nearly alike,
#   and a network trained only on them would forget others.
# - The values in the target come from the [target network](glossary.md#target-network), a copy that is
#   constant for `target_period_updates`. Otherwise each update would change its own target.
# - The target sums `n_step` rewards, three here, before it adds the estimated value. This passes points
#   back faster.
#
# ## Watch it learn
#
# A run is an iterable. Each row describes what happened since the last row, and `watch` draws the rows.
# With `async for` the kernel can react to the Stop button between two rows; do not press it this time.
# Because the cell waits between rows, JupyterLab may show the kernel as idle while it trains. The
# training is over when the widget says "finished".

# %%
rows = []
run = pdlearn.DQN("pdlearn/Catch-v0", catch, seed=1, precision="float32")
async for row in watch(run):
    rows.append(row)

# %%
some = rows[:: max(1, len(rows) // 6)]
table(some, "agent_steps", "updates", "epsilon", "loss", "evaluation")

# %% [markdown]
# Compare score and loss. The score rises most while the [loss](glossary.md#loss) goes up and down,
# because the targets change as the values grow. A DQN is evaluated by playing, not by its loss.
#
# ## Exercise 5 · Break it
#
# Three runs with one change each, all else the same:
#
# - *no exploration*: epsilon is 0 from the first step,
# - *no target network*: copied after every update,
# - *clipped memory*: it holds the newest 80 steps instead of 6,000.
#
# First predict: what is the score of the agent without exploration in its last evaluation?

# %%
broken = {
    "no exploration": replace(catch, epsilon_start=0.0, epsilon_final=0.0),
    "no target network": replace(catch, target_period_updates=1),
    "clipped memory": replace(catch, memory_steps=80),
}
runs = {"teacher, whole": rows}
for name, config in broken.items():
    runs[name] = list(
        pdlearn.DQN("pdlearn/Catch-v0", config, seed=1, precision="float32")
    )

# %%
### BEGIN SOLUTION
# Measured: every game has a new ball, so that even a greedy agent sees
# different states.
my_guess = 0.5
### END SOLUTION
check_prediction(my_guess, runs["no exploration"][-1]["evaluation"], near=0.3)

# %%
show(
    pictures.curves(runs, ["evaluation", "loss"], x="agent_steps"),
    "Evaluations and loss of four runs: one unchanged, and three with one "
    "change each.",
)

# %%
table({name: measures.best_and_last(r) for name, r in runs.items()}, of="run")

# %% [markdown]
# The clipped memory does most harm. Eighty steps are ten of each copy, less than a game: a minibatch
# contains only the current balls, and the network forgets others. Without exploration the agent learns
# more slowly and ends lower, but it learns: Catch shows a new ball in every game, so that also a greedy
# agent sees different states. Without a target network little changes: a game is so short that three
# summed rewards cover much of it. Long games can need what a short game does not. Look at the loss, too:
# for most of the run it was smallest without exploration, where the score rose most slowly of the three
# that learnt.
#
# One seed and twenty games in each evaluation are few; lesson 04 shows what this means.
#
# ## The Pong teacher
#
# Pong's teacher is from the same loop. Its cost, from `docs/results`:

# %%
cost = next(row for row in results("teachers") if row["game"] == "pong")
table(
    [cost], "parameters", "agent_steps", "samples", "mean", "hours", "hardware"
)

# %% [markdown]
# ## Exercise 6 · How much play is that?
#
# An agent step is four frames, and the game shows 60 frames a second. How many hours of play is this?

# %% tags=["nbval-check-output"]
hours_of_play = int(cost["agent_steps"]) * envs.FRAMES_PER_STEP / 60 / 3600
### BEGIN SOLUTION
# Measured: four frames a step, 60 frames a second.
my_guess = 28.7
### END SOLUTION
check_prediction(my_guess, hours_of_play, near=5, unit=" hours")

# %% tags=["nbval-check-output"]
scored = [row for row in curve if row["evaluation"] != "nan"]
for score in (-20, 0, 15, 18):
    first = next(row for row in scored if float(row["evaluation"]) > score)
    print(f"above {score:3d} after {int(first['agent_steps']):9,} agent steps")

# %% [markdown]
# The score hardly changes in the first steps, because the first points are won by chance. Then it rises
# most of the way in a short time, and the last few points take long again. A run that is stopped early
# seems not to learn.
#
# ## Your own
#
# `pdlearn train pong` trains a teacher in the shell, `pdlearn train pong --minutes 30` for half an hour.
# Ctrl-C stops it: the run's folder contains settings, weights and counters, and `pdlearn train pong
# --resume runs/train-pong-0` continues. The same in Python, on Catch:

# %% tags=["nbval-check-output"]
short = replace(
    catch, agent_steps=1_200, learn_start_steps=200, evaluation_period_steps=200
)
with tempfile.TemporaryDirectory() as folder:
    kept = {"precision": "float32", "folder": folder}
    first = pdlearn.DQN("pdlearn/Catch-v0", short, **kept)
    *_, row = itertools.islice(first, 2)
    print(row["agent_steps"], "agent steps,", row["updates"], "updates")
    *_, row = pdlearn.DQN("pdlearn/Catch-v0", short, **kept, resume=True)
    print(row["agent_steps"], "agent steps,", row["updates"], "updates")

# %% [markdown]
# The replay memory is not saved, because it is large: a resumed run plays `learn_start_steps` again
# before it continues to learn.
#
# ## Small and large budgets
#
# `fast` is for two cores, `paper` has the settings of Nature DQN (Mnih et al. 2015):

# %% tags=["nbval-check-output"]
names = ("agent_steps", "num_envs", "memory_steps", "minibatch")
names += ("samples_per_step", "n_step", "optimizer", "target_period_updates")
names += ("epsilon_final", "epsilon_decay_steps")
both = {budget: pdlearn.DQN_BUDGETS[budget] for budget in ("fast", "paper")}
table(
    {n: {b: getattr(config, n) for b, config in both.items()} for n in names},
    of="setting",
)

# %% [markdown]
# ## Quiz
#
# 1. Why is `discount_t` 0 at a game's end?
#    <details><summary>Answer</summary>No reward follows: the target is the last reward alone.</details>
# 2. What is the target network for?
#    <details><summary>Answer</summary>It keeps the values in the target constant for a while, so that an
#    update does not change its own target.</details>
# 3. Why does learning begin only after some steps of play?
#    <details><summary>Answer</summary>A memory of a few steps contains nearly the same state many times;
#    the network would overfit to them.</details>
# 4. The loss rises while the score rises. Is something broken?
#    <details><summary>Answer</summary>Not necessarily. The loss is measured against targets that change
#    as the agent wins more points.</details>
# 5. You stop a training with Ctrl-C after an hour. What is lost?
#    <details><summary>Answer</summary>Nothing but the replay memory, which is filled again on
#    `--resume`.</details>

# %% [markdown]
# ## Key points
#
# - A DQN learns from its own value one step later: `reward + discount * max(target_q)`.
# - Exploration, replay memory and target network prevent different failures; which of them a game needs
#   must be tested.
# - The score shows whether a DQN learns; the loss does not.
# - A run yields rows; it can be stopped and resumed, and takes hours for a real game.
#
# The method: V. Mnih et al., *Human-level control through deep reinforcement learning*, 2015. The code
# of this lesson is `pdlearn/dqn.py`.
