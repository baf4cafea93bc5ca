# ---
# jupyter:
#   pdlearn:
#     minutes: 50
#     level: middle
#     prerequisites: ["02"]
#     objectives:
#     - train a deep Q-network, watch it learn, and say what each setting does
#     - change one setting, compare over several seeds, and say what breaks the training
#     - write the λ-return, and say what replaces the replay memory in parallel Q-learning
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
from pdlearn import dqn, envs, losses, plots, pqn
from pdlearn.exercises import (
    check_choice,
    check_epsilon,
    check_lambda_returns,
    check_prediction,
)
from pdlearn.lessons import (
    by_budget,
    drawings,
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
# `discount_t` is [gamma](glossary.md#discount), 0.99, or 0 after the game's end. Three transitions: one in
# the middle of a game, one that wins the last point, and one that is cut by the time limit.

# %% tags=["nbval-check-output"]
reward = torch.tensor([0.0, 1.0, 0.0])
discount = torch.tensor([0.99, 0.0, 0.99])
next_q = torch.tensor([[0.2, 0.5], [0.7, 0.9], [0.1, -0.4]])
print(losses.td_target(reward, discount, next_q))

# %% [markdown]
# The first and the third add the discounted value of the best next action. To the second nothing is
# added, because the game is over. In lesson 02 you wrote this function.

# %% [markdown]
# ## Exercise 2 · A time limit
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
# ## Exercise 3 · The schedule
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
# Gallici et al. 2024), the subject of this lesson's second half.
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
# ## Exercise 4 · Break it
#
# Three changes, all else the same:
#
# - *no exploration*: epsilon is 0 from the first step,
# - *clipped memory*: it holds the newest 80 steps instead of 6,000,
# - *moving target*: the target network is copied after every update, and a target has one reward instead
#   of three.
#
# Two runs of one setting that differ in their [seed](glossary.md#seed) alone end with different scores.
# So each setting is run with three seeds; the run above was the first of the unchanged ones.

# %%
changes = {
    "no exploration": {"epsilon_start": 0.0, "epsilon_final": 0.0},
    "clipped memory": {"memory_steps": 80},
    "moving target": {"target_period_updates": 1, "n_step": 1},
}


def rows_of(seed, **change):
    config = replace(catch, **change)
    game = "pdlearn/Catch-v0"
    return list(pdlearn.DQN(game, config, seed=seed, precision="float32"))


unchanged = [rows, *(rows_of(seed) for seed in (2, 3))]
changed = {
    name: [rows_of(seed, **change) for seed in (1, 2, 3)]
    for name, change in changes.items()
}

# %% [markdown]
# The score of a run is the mean of its last three evaluations. What is the mean score of the three runs
# without exploration?

# %%
last_scores = {"unchanged": measures.last_of_seeds(unchanged)}
for name, seeds in changed.items():
    last_scores[name] = measures.last_of_seeds(seeds)
### BEGIN SOLUTION
# Measured: every game has a new ball, so that even a greedy agent sees
# different states.
my_guess = 0.6
### END SOLUTION
check_prediction(my_guess, last_scores["no exploration"]["mean"], near=0.3)

# %%
show(
    drawings.bands_of_seeds(unchanged, changed),
    "Evaluations over the training, each change beside the unchanged "
    "settings: lines are means of three seeds, bands reach from the lowest "
    "to the highest.",
)

# %%
table(last_scores, of="setting")

# %% [markdown]
# - *No exploration* breaks nothing here: its seeds differ from one another more than its mean differs
#   from that of the unchanged runs. One seed could have shown either as the better. Catch has a new ball
#   in every game, so that a greedy agent sees different states, too.
# - *Clipped memory* breaks the training in every seed. Eighty steps are ten of each copy, less than a
#   game: a minibatch contains only the current balls, and the network forgets others
#   ([catastrophic forgetting](glossary.md#catastrophic-forgetting)).
# - *Moving target* breaks it, too: no seed of it ends as high as the lowest of the unchanged ones. With
#   one reward in a target, a point moves back by one step at a time, from a value that is itself still
#   wrong, and each update changes the values from which the next target is made. Yet its *loss* is the
#   lowest of all: the network agrees with itself, not with the game. (Which of the two changes does the
#   harm? Run each alone.)
#
# Twenty games in an evaluation and three seeds are few; lesson 04 shows what this means.
#
# ## Without a memory: parallel Q-learning
#
# [PQN](glossary.md#parallel-q-learning), on the right of the picture above, has neither replay memory nor
# target network. What stands in their place?
#
# - **128 copies of the game.** A minibatch must contain different states. DQN draws them from the past,
#   out of its memory. PQN draws them from 128 copies, which are in different moments of their games. The
#   newest 32 steps of each are 4,096 transitions. They are learnt twice, in minibatches of 128, and
#   thrown away, so that no memory of gigabytes is needed. Both methods are
#   [off-policy](glossary.md#off-policy): they learn the greedy policy's values from epsilon-greedy play.
#   But PQN learns only from its newest play, DQN also from that of older networks.
# - **Normalised layers.** A target network keeps targets constant for a while. Without it, an update
#   that raises one value can raise the values in the next targets, and these the next again, without a
#   limit. [Layer normalisation](glossary.md#layer-normalisation) bounds how far the features, and with
#   them the values of other states, can move. Gallici et al. analyse how this stabilises
#   temporal-difference learning. (The DQN above has normalised layers as well.)
# - **λ-returns.** The steps of a roll-out follow one another, so that their targets can contain many
#   rewards. The [λ-return](glossary.md#lambda-return) mixes the targets of all lengths. With `value[t]`
#   for the best action's value at step t,
#
# $$\texttt{returns}[t] = \texttt{reward}[t] + \texttt{discount}[t] \cdot \bigl(\lambda \cdot
# \texttt{returns}[t+1] + (1 - \lambda) \cdot \texttt{value}[t+1]\bigr),$$
#
# which the field writes
#
# $$G_t = r_t + \gamma_t \, \bigl(\lambda \, G_{t+1} + (1 - \lambda) \max_a Q(s_{t+1}, a)\bigr).$$
#
# With λ = 0 this is the target of one step, above. With λ = 1 it is the discounted sum of all rewards up
# to the roll-out's end and of the value there. The recursion runs backwards and begins with `value[T]`,
# the value after the last step.
#
# ## Exercise 5 · The λ-return by hand
#
# The last observation of an episode has a step of its own, whose action is ignored: the step is *void*,
# and `last[t]` is true. There the return is `value[t]`. So a time limit bootstraps from the last
# observation, and no return crosses into the next episode. (After a real end the discount of the step
# before is 0.) Write the λ-returns of T steps of E copies.


# %%
def lambda_returns_by_hand(reward, discount, value, last, lambda_):
    """Return [T, E]; value is [T + 1, E], last bool [T, E]."""
    ### BEGIN SOLUTION
    returns = torch.empty_like(reward)
    following = value[-1]
    for t in reversed(range(len(reward))):
        mixed = lambda_ * following + (1 - lambda_) * value[t + 1]
        target = reward[t] + discount[t] * mixed
        following = torch.where(last[t], value[t], target)
        returns[t] = following
    return returns.detach()
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_lambda_returns(lambda_returns_by_hand)

# %% [markdown]
# `losses.lambda_returns` is this function. Here it is used on a short roll-out of Catch, played at random
# and valued by an untrained network.

# %%
few = replace(pdlearn.PQNConfig(), num_envs=4, rollout_steps=16)
played = {"generator": torch.Generator().manual_seed(0), "seed": 1}
rollout = pqn.Rollout("pdlearn/Catch-v0", network, few, **played)
rollout.play(epsilon=1.0)
rollout.close()
reward, discount, last = rollout.outcome
value = rollout.q.max(2).values
returns = losses.lambda_returns(
    reward, discount, value, last.bool(), lambda_=few.lambda_
)

# %%
parts = {"reward": reward, "discount": discount, "value": value}
parts |= {"last": last, "returns": returns}
steps = [{n: x[t, 0].item() for n, x in parts.items()} for t in range(6, 16)]
table({6 + n: row for n, row in enumerate(steps)}, of="step of copy 0")

# %% [markdown]
# The game ends where the discount is 0: the return is the reward alone, and the steps before contain ever
# smaller parts of it. The step after it is void, its return is its value, and it is not learnt. Then a new
# game begins, of which no point is known yet.
#
# ## Both methods, at equal minutes
#
# Which method is better? One learns more from a step, the other plays more steps a minute. This is the
# training of three games by both, in minutes of one processor thread (`docs/results/race_curves.csv`,
# longer runs, one seed each). The minutes of PQN are counted from its steps, at the rate of an
# undisturbed thread that the file gives.

# %%
race = results("race_curves")
show(
    drawings.race(race),
    "Training scores by DQN and by PQN over minutes: PQN is ahead in "
    "Breakout, DQN in the two other games.",
)

# %%
table(measures.race_ends(race))

# %% [markdown]
# PQN plays nearly twice as many steps in the same time. In Breakout this pays: in the second half PQN is
# ahead of nearly all of DQN's points. (These are means of the newest 20 games, those of PQN of the newest
# 100. So DQN's line is the rougher one.) In Q*bert and Space Invaders DQN learns more from fewer steps.
# Neither method is the better one for all games at this budget, and one seed each does not tell how large
# the differences are. (With more time the order can change: the shipped teacher of Space Invaders is from
# a longer run of PQN.) `pdlearn train` uses PQN for Breakout and DQN for the other games; `--method`
# chooses.
#
# ## The Pong teacher
#
# Pong's teacher is from the same loop. Its cost, from `docs/results`:

# %%
(cost,) = results("teachers", game="pong")
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
# 3. Where do the different states in a minibatch of PQN come from?
#    <details><summary>Answer</summary>From 128 copies of the game, which are in different moments of
#    their games. DQN takes them from its replay memory.</details>
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
#   must be tested, with more than one seed.
# - Parallel Q-learning learns λ-returns of many copies, without memory and target network.
# - The score shows whether a DQN learns; the loss does not.
# - A run yields rows; it can be stopped and resumed, and takes hours for a real game.
#
# The methods: V. Mnih et al., *Human-level control through deep reinforcement learning*, 2015, and
# M. Gallici et al., *Simplifying deep temporal difference learning*, 2024. The code of this lesson is
# `pdlearn/dqn.py` and `pdlearn/pqn.py`.
