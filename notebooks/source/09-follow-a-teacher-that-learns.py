# ---
# jupyter:
#   pdlearn:
#     minutes: 40
#     level: deep
#     prerequisites: ['03', '06']
#     objectives:
#     - let a student follow a teacher that is still learning, and say why its curve is steadier
#     - say whom it follows at any moment, and measure how much a curve swings
#     - say why the highest evaluation so far is biased, and evaluate again
# ---

# %% [markdown]
# # 09 · The student follows a teacher still learning
#
# So far the [teacher](glossary.md#teacher) was fully trained before its student began. In [online
# distillation](glossary.md#online-distillation) the [student](glossary.md#student) learns while its
# teacher is still learning. In the paper, the student's scores fluctuate far less than those of the DQN
# it learns from. This lesson shows why, on Pong, and repeats the experiment on a small game.

# %%
from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from IPython.display import Markdown

import pdlearn
from pdlearn.distill import StudentLearner
from pdlearn.exercises import (
    check_choice,
    check_prediction,
    check_swing,
    check_teacher_at,
)
from pdlearn.experiments import online as figure5
from pdlearn.lessons import (
    by_budget,
    drawings,
    measures,
    pictures,
    results,
    show,
    table,
)
from pdlearn.losses import teacher_policy
from pdlearn.online import OnlineDistillation
from pdlearn.plots import online_curves
from pdlearn.statistics import best_so_far, swing

# %% [markdown]
# ## Whom to follow?
#
# The figure below shows the evaluations of the shipped Pong teacher during its training, from
# `docs/results`. It improves, but some evaluations are lower than the one before. A student of the
# current network would also learn its bad phases. Therefore the paper's student follows the *best
# network so far*: at each new high score the DQN's network is copied, and the copy is the teacher until
# the next high score,
#
# $$\texttt{teacher}_t = \texttt{network}_{k(t)}, \qquad k(t) = \arg\max_{i \,\leq\, t}
# \texttt{evaluation}_i .$$
#
# ## Exercise 1 · The best so far
#
# `evaluations` `[T]` are in order. Return for each the index of the evaluation whose network is the
# teacher then. Of two equal evaluations take the newer, whose network has learnt longer.


# %%
def teacher_at(evaluations):
    """Return an index [T] for evaluations [T]."""
    ### BEGIN SOLUTION
    best, indices = 0, []
    for now, score in enumerate(evaluations):
        if score >= evaluations[best]:
            best = now
        indices.append(best)
    return np.array(indices)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_teacher_at(teacher_at)

# %%
curve = [row for row in results("curves/pong") if row["evaluation"] != "nan"]
agent_steps = [int(row["agent_steps"]) for row in curve]
evaluations = np.array([float(row["evaluation"]) for row in curve])
highest = evaluations[best_so_far(evaluations)]
show(
    drawings.best_so_far(agent_steps, evaluations, highest),
    "Pong's teacher during training: evaluations rise and fall; the best so "
    "far only rises.",
)

# %% [markdown]
# ## Exercise 2 · How much does a curve swing?
#
# To compare curves we need a number: the mean absolute difference of neighbouring points. We call it the
# [swing](glossary.md#swing).


# %%
def swing_by_hand(scores):
    """Return the swing of scores [T], a single number."""
    ### BEGIN SOLUTION
    return np.abs(np.diff(scores)).mean()
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_swing(swing_by_hand)

# %% tags=["nbval-check-output"]
late = len(evaluations) // 2
print(f"swing of the DQN, second half: {swing(evaluations[late:]):.2f} points")
print(f"swing of its best so far:      {swing(highest[late:]):.2f} points")

# %% [markdown]
# The second half is used so that the initial rise does not count. The second number is small by
# construction: a running maximum *cannot* fall. The question is whether a student of it is as steady.
#
# ## Why does a DQN swing?
#
# The shipped Pong teacher continues to learn, with a higher learning rate than before. Every few updates
# we compute its values in the same recorded [states](glossary.md#state). At the end it plays.

# %%
teacher = pdlearn.zoo.load("pong/teacher")
names = teacher.actions
recorded = pdlearn.zoo.recording("pong")
states = recorded.sample_states(
    by_budget(smoke=64, fast=1_024), torch.Generator().manual_seed(0)
)
going_on = replace(
    pdlearn.DQNConfig(),
    minibatch=64,
    samples_per_step=4.0,
    priority_exponent=0.0,
    n_step=3,
    learning_rate=1e-3,
    learning_rate_final=1e-3,
    target_period_updates=400,
    agent_steps=by_budget(smoke=480, fast=4_000),
    memory_steps=4_000,
    learn_start_steps=by_budget(smoke=320, fast=1_600),
    epsilon_start=0.05,
    epsilon_final=0.05,
    normalization=teacher.network.normalization,
)

# %%
run = pdlearn.DQN("pong", going_on, seed=0, precision="float32")
run.row_steps = by_budget(smoke=80, fast=400)  # agent steps between two looks
for network in (run.learner.network, run.learner.target):
    network.load_state_dict(teacher.network.state_dict())
looks = {0: teacher.network(states.observation)}  # values [B, A] by updates
for row in run:
    if row["updates"]:
        values = run.learner.network(states.observation).detach()
        looks[row["updates"]] = values

# %% [markdown]
# ## Exercise 3 · A change of mind
#
# In what percentage of the states has the last of these networks another best action than the teacher
# from which it started? There are only a few updates between them. Guess.

# %%
first, last = looks[0], looks[max(looks)]
changed = first.argmax(1) != last.argmax(1)
print(f"after {max(looks)} updates")
### BEGIN SOLUTION
# Measured: in most states the values of two actions are nearly equal.
my_guess = 64
### END SOLUTION
check_prediction(
    my_guess, 100 * changed.float().mean().item(), near=5, unit=" %"
)

# %%
decisive = measures.is_decisive(first)
minds = list(looks)
shares = {"teacher, all states": [], "teacher, decisive states": []}
for before, after in zip(minds, minds[1:], strict=False):
    other = (looks[before].argmax(1) != looks[after].argmax(1)).float()
    shares["teacher, all states"].append(other.mean())
    shares["teacher, decisive states"].append(other[decisive].mean())
lines = {name: (minds[1:], each) for name, each in shares.items()}
show(
    pictures.lines(lines, "updates", "another best action", dots=True),
    "The share of states in which the best action is another than at the look "
    "before.",
)
played = pdlearn.evaluate(
    run.agent(), pdlearn.EvalConfig(episodes=by_budget(smoke=1, fast=5))
)
print(f"score of the shipped teacher {teacher.score['mean']:.1f}")
print(f"score of the one that went on {played.mean:.1f}")

# %%
policies = {updates: teacher_policy(q, 0.03) for updates, q in looks.items()}
moved = sum(
    (policies[after] - policies[before]).abs().sum(1)
    for before, after in zip(minds, minds[1:], strict=False)
)
moment = int(moved.masked_fill(~decisive, -1).argmax())
show(
    pictures.frames(states.observation[moment]),
    "A decisive moment of Pong, the last four frames.",
)

# %%
some = [minds[0], *minds[1 :: max(1, (len(minds) - 1) // 3)][:3]]
targets = {
    f"after {updates} updates": policies[updates][moment].tolist()
    for updates in some
}
show(
    pictures.bars(names, targets, "target"),
    "A student's targets at this moment from four networks of one DQN: they "
    "differ.",
)

# %% [markdown]
# So few updates can change the score this much; further updates can change it back. The best action
# changes often, mostly in states where the choice makes little difference, but in decisive states too.
# All states share one network: an update for one state changes the values of all others, and with them
# the targets (lesson 02). A student of each of these networks in turn would get different targets for
# the same state.
#
# ## Watch it happen
#
# Catch is learnt in minutes (lesson 03). `OnlineDistillation` takes turns, in rounds of 400 agent steps:
#
# 1. the DQN learns for a round and is evaluated; at a new high score its copy becomes the teacher,
# 2. the teacher plays as many steps into a memory (a new teacher begins an empty one),
# 3. the student learns 200 [minibatches](glossary.md#minibatch), and all are evaluated on the same
#    games.

# %%
round_steps = by_budget(smoke=100, fast=400)
taught = replace(
    pdlearn.DQNConfig(),
    size="net3",
    num_envs=8,
    memory_steps=6_000,
    agent_steps=by_budget(smoke=6, fast=18) * round_steps,
    learn_start_steps=by_budget(smoke=100, fast=500),
    minibatch=32,
    samples_per_step=4.0,
    priority_exponent=0.0,
    n_step=3,
    learning_rate=1e-3,
    learning_rate_final=1e-3,
    target_period_updates=100,
    epsilon_final=0.02,
    epsilon_decay_steps=3_000,
    evaluation_period_steps=round_steps,
    evaluation_episodes=by_budget(smoke=4, fast=40),
    evaluation_epsilon=0.0,
)

# %%
online = replace(
    pdlearn.DistillConfig(),
    size="net3",
    steps_per_hour=round_steps,
    minibatch=32,
    num_envs=8,
    updates_per_hour=by_budget(smoke=3, fast=200),
    learning_rate=1e-3,
    learning_rate_final=1e-4,
)

# %%
run = OnlineDistillation(
    "pdlearn/Catch-v0", taught, online, seed=1, precision="float32"
)
rows, snapshots = [], []
for row in run:
    if row["phase"] == "evaluate":
        rows.append(row)
        dqn = run.teacher_run.agent()
        snapshots.append(pdlearn.Agent(deepcopy(dqn.network), dqn.card))
names = ("dqn", "teacher", "student")
scores = {name: np.array([row[name] for row in rows]) for name in names}
at = [row["agent_steps"] for row in rows]

# %%
some = rows[:: max(1, len(rows) // 6)]
table(
    some, "agent_steps", "updates", "dqn", "best_so_far", "teacher", "student"
)

# %%
show(
    drawings.online_scores(at, scores),
    "The DQN's score falls at times, also after its best; once the best is "
    "good, the score of its student does not fall with it.",
)

# %% [markdown]
# ## Exercise 4 · Break it
#
# Does the student need the *best* network, or would the current one be as good? Another student learns
# from the same DQN in the same rounds, but always follows the current network. The second cell below
# prints the swings of the others. Guess the swing of this student.


# %%
def follow_each(teachers):
    """Let a student learn a round from each in turn; return its scores."""
    generator = torch.Generator().manual_seed(1)
    network = pdlearn.QNetwork(3, "net3", generator=generator)
    student = StudentLearner(run.config, network)
    settings = pdlearn.EvalConfig(
        episodes=taught.evaluation_episodes, epsilon=0.0
    )
    scores = []
    for n, dqn in enumerate(teachers):
        played = {"num_envs": 8, "seed": 1_000 * n, "generator": generator}
        memory = pdlearn.collect(dqn, round_steps, **played)
        for _ in range(online.updates_per_hour):
            student.update(memory.sample_states(online.minibatch, generator))
        agent = dqn.with_network(student.network, "logits")
        scores.append(pdlearn.evaluate(agent, settings, 1 + at[n]).mean)
    return np.array(scores)


scores["of current"] = follow_each(snapshots)

# %%
late = len(at) // 2
swings = {name: swing(line[late:]) for name, line in scores.items()}
print(f"DQN {swings['dqn']:.3f}")
print(f"student of the best so far {swings['student']:.3f}")
### BEGIN SOLUTION
# Measured: as much as the DQN's own, because its teacher changes every round.
my_guess = 0.175
### END SOLUTION
check_prediction(my_guess, swings["of current"], near=0.02)

# %%
show(
    drawings.online_scores(at, scores),
    "The same curves, and a student that follows the current DQN.",
)
table(
    {
        name: {
            "swing, second half": swings[name],
            "mean, second half": line[late:].mean(),
            "at the end": line[-1],
        }
        for name, line in scores.items()
    },
    of="who",
)

# %% [markdown]
# DQN, rounds and loss are the same; only the teacher differs. When the score of the current DQN falls,
# its student learns from this worse network, and its score falls too. The student of the best network so
# far has one teacher until there is a better or equal one, so its targets are constant in between. This
# makes it steadier. A DQN's targets are computed from its own changing values.
#
# This is one run of a small game. The student is steady only if it learns enough in a round: with half
# the minibatches and a constant learning rate, the student of the best so far swings as well. Try it.
# The paper's figure 5 shows two students of one DQN, on Q\*bert.
#
# ## The luckiest so far
#
# An evaluation is the mean of a few games, and the highest of many evaluations is partly due to luck
# (lesson 04). Here luck also decides *whom the student follows* until the next high score.
#
# ## Exercise 5 · Good or lucky?
#
# A simulation, in which the true scores are known: 25 networks of one DQN have a true score in Catch of
# 0.6 on average, with a standard deviation of 0.1. Each is evaluated over 10 balls, and the one with the
# highest score is followed. Guess this highest score.

# %%
rng = np.random.default_rng(0)
truth = np.clip(rng.normal(0.6, 0.1, (4_000, 25)), -1, 1)  # [trials, networks]


def chosen(episodes):
    """Return the mean high score, and the mean true score of its network."""
    caught = rng.binomial(episodes, (1 + truth) / 2)
    evaluation = 2 * caught / episodes - 1
    best = [best_so_far(line)[-1] for line in evaluation]
    pick = np.arange(len(truth)), best
    return evaluation[pick].mean(), truth[pick].mean()


# %% tags=["nbval-check-output"]
high_score, true_score = chosen(10)
print(f"true score of the best of the 25: {truth.max(1).mean():.2f}")
print(f"true score of the one that is followed: {true_score:.2f}")
### BEGIN SOLUTION
# Measured: the highest of 25 means of ten balls is far above the true scores.
my_guess = 0.99
### END SOLUTION
check_prediction(my_guess, high_score, near=0.05)

# %%
numbers = (5, 10, 20, 50, 100, 300, 1_000)
high, true = zip(*(chosen(n) for n in numbers), strict=True)
lines = {
    "its high score": (numbers, high),
    "true score of the network that is followed": (numbers, true),
}
best = {"true score of the best network": truth.max(1).mean()}
games = "games of an evaluation"
show(
    pictures.lines(lines, games, "score", log=True, dots=True, levels=best),
    "With few games in an evaluation the high score is far above the true "
    "score, and the network that is followed is little better than the "
    "average; with many games both approach the best.",
)

# %% tags=["nbval-check-output"]
luck = np.mean([row["best_so_far"] - row["teacher"] for row in rows])
print("high score minus the same network evaluated again, on average:")
print("above 0" if luck > 0 else "not above 0")

# %% [markdown]
# Luck has two effects. The curve "best so far" is too high; therefore this network is evaluated again,
# as in the dotted lines above and in the column `teacher` of our results. And an average network can
# remain the teacher for a long time; therefore use many games for each evaluation that selects a
# teacher.
#
# ## Exercise 6 · A new teacher
#
# When the teacher changes, `OnlineDistillation` empties the memory, and the student learns from a single
# round again. Why are the old states discarded? `"the memory is full"`, `"the old values are the old
# teacher's"` or `"old states teach nothing"`?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
my_choice = "the old values are the old teacher's"
### END SOLUTION
check_choice("A new teacher", my_choice)

# %% [markdown]
# ## Real games
#
# `pdlearn reproduce online` does the same on real games and for hours, as in the paper's figure 5. Its
# rows are in `online.csv` of `docs/results`.

# %%
long_rows = results("online")
show(
    online_curves(long_rows),
    "A DQN, its best network so far and students of it, over the DQN's agent "
    "steps.",
)
Markdown(figure5.table(long_rows))

# %% [markdown]
# In this run the student swings less than its DQN, but it falls with it at the end. Its teacher does not
# change there; evaluated again, that network scores less than its high score: a part of the peak was luck.
# One run of one game does not decide more.
#
# In the shell, `pdlearn distill pong --online` trains a DQN and its student together.
# `docs/differences.md` lists the details that the paper does not give, such as how often the DQN is
# evaluated and how fast the student learns.

# %% [markdown]
# ## Quiz
#
# 1. Whom does the student follow after an evaluation that is lower than the one before?
#    <details><summary>Answer</summary>The one it followed already: only a new high score changes the
#    teacher.</details>
# 2. Why is the student steadier than the DQN?
#    <details><summary>Answer</summary>Its targets are constant from one high score to the next. The
#    DQN's targets depend on its own values, which every update changes.</details>
# 3. The best-so-far line never falls. Is that a finding?
#    <details><summary>Answer</summary>No, a running maximum cannot fall. It is a finding that the score
#    of its student does not fall either.</details>
# 4. The high score is 20.1; evaluated again, the same network scores 18.9. Why?
#    <details><summary>Answer</summary>The maximum of many evaluations is biased upwards. The second
#    number is the one to report.</details>
# 5. A DQN's first evaluation is high by luck. What happens to its student?
#    <details><summary>Answer</summary>It follows that network until a later evaluation is as high,
#    although better networks exist in between. More games for each evaluation reduce this
#    risk.</details>

# %% [markdown]
# ## Key points
#
# - Online distillation: the DQN continues to learn, and the student follows a copy of its best network
#   so far.
# - The student is steadier because its targets are constant between high scores.
# - The swing is the mean change between neighbours, in the second half of a run.
# - The highest evaluation so far is biased upwards: use many games, and evaluate the best network again.
#
# The paper: figure 5, and two more games in appendix C. The code of this lesson is `pdlearn/online.py`.
