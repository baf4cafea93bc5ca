# ---
# jupyter:
#   pdlearn:
#     minutes: 40
#     level: deep
#     prerequisites: ['03', '06']
#     objectives:
#     - let a student follow a teacher that is still learning, and say why its curve is steadier
#     - say whom it follows at any moment, and measure how much a curve swings
#     - tell the best so far from the luckiest so far
# ---

# %% [markdown]
# # 09 · The student follows a teacher still learning
#
# So far the [teacher](glossary.md#teacher) had finished before its student began. Must it? The paper
# lets a [student](glossary.md#student) learn while its teacher does:
# [online distillation](glossary.md#online-distillation). Its student's curve is far calmer than that of
# the DQN it learns from. Here you see why, on Pong, and watch it happen on a small game.

# %%
from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from IPython.display import Markdown
from matplotlib import pyplot as plt

import pdlearn
from pdlearn.distill import StudentLearner
from pdlearn.exercises import (
    check_choice,
    check_prediction,
    check_swing,
    check_teacher_at,
    following,
)
from pdlearn.experiments import claims
from pdlearn.lessons import by_budget, pictures, results, show, table
from pdlearn.lessons.places import folder
from pdlearn.losses import teacher_policy
from pdlearn.online import OnlineDistillation
from pdlearn.plots import online_curves
from pdlearn.rows import read_rows

# %% [markdown]
# ## Whom to follow?
#
# This is how the shipped Pong teacher was evaluated while it learnt, read from `docs/results`. It
# improves, but not from one evaluation to the next. A student that followed it step by step would learn
# each fall as well. So the paper's student follows the *best so far*: whenever the DQN sets a new high
# score, its network is copied, and the copy is the teacher until the next one.
#
# ## Exercise 1 · The best so far
#
# `evaluations` `[T]` come one after the other. Return, for each, the index of the evaluation whose
# network is the teacher then. Of two that are equally high take the newer: it has learnt longer.


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
agent_steps = np.array([int(row["agent_steps"]) for row in curve]) / 1e6
evaluations = np.array([float(row["evaluation"]) for row in curve])
best_so_far = evaluations[following.teacher_at(evaluations)]
figure, axes = plt.subplots(figsize=(6.4, 2.8), layout="constrained")
axes.plot(agent_steps, evaluations, "o-", ms=4, color=pictures.TEACHER, alpha=0.5, label="DQN")
axes.step(agent_steps, best_so_far, where="post", color=pictures.TEACHER, label="its best so far")
axes.set(xlabel="million agent steps", ylabel="score in Pong")
axes.legend(frameon=False)
axes.spines[["top", "right"]].set_visible(False)
show(
    axes,
    "Pong's teacher while it learnt: evaluations rise and fall back; the best so far only rises.",
)

# %% [markdown]
# ## Exercise 2 · How much does a curve swing?
#
# "Steadier" wants a number. Take the mean change from one point to the next, up or down: the
# [swing](glossary.md#swing).


# %%
def swing(scores):
    """Return the swing of scores [T], a single number."""
    ### BEGIN SOLUTION
    return np.abs(np.diff(scores)).mean()
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_swing(swing)

# %% tags=["nbval-check-output"]
late = len(evaluations) // 2
print(f"swing of the DQN, second half: {following.swing(evaluations[late:]):.2f} points")
print(f"swing of its best so far:      {following.swing(best_so_far[late:]):.2f} points")

# %% [markdown]
# The second half is taken so that the climb itself does not count. But do not be impressed yet: a
# maximum that is kept *cannot* fall. The question is whether somebody who learns from it is as calm.
#
# ## Why does a DQN swing?
#
# Let us look closely. The shipped Pong teacher goes on learning where it stopped, with a larger step than
# its own. Every few updates we ask it for its values in the same recorded [states](glossary.md#state);
# at the end it plays.

# %%
teacher = pdlearn.zoo.load("pong/teacher")
names = teacher.actions
recorded = pdlearn.zoo.recording("pong")
states = recorded.sample_states(by_budget(smoke=64, fast=1_024), torch.Generator().manual_seed(0))
going_on = replace(
    pdlearn.DQNConfig(), minibatch=64, samples_per_step=4.0, priority_exponent=0.0, n_step=3,
    learning_rate=1e-3, learning_rate_final=1e-3, target_period_updates=400,
    agent_steps=by_budget(smoke=480, fast=4_000), memory_steps=4_000,
    learn_start_steps=by_budget(smoke=320, fast=1_600), epsilon_start=0.05, epsilon_final=0.05,
)  # fmt: skip
run = pdlearn.DQN("pong", going_on, seed=0, precision="float32")
run.row_steps = by_budget(smoke=80, fast=400)  # agent steps between two looks
for network in (run.learner.network, run.learner.target):
    network.load_state_dict(teacher.network.state_dict())
looks = {0: teacher.network(states.observation).detach()}  # values [B, A] by updates
for row in run:
    if row["updates"]:
        looks[row["updates"]] = run.learner.network(states.observation).detach()

# %% [markdown]
# ## Exercise 3 · A change of mind
#
# In how many percent of the states does the last of these networks call another action best than the
# teacher it began as? Only a few updates lie between them. Guess.

# %%
first, last = looks[0], looks[max(looks)]
changed = first.argmax(1) != last.argmax(1)
print(f"after {max(looks)} updates")
### BEGIN SOLUTION
my_guess = 20
### END SOLUTION
check_prediction(my_guess, 100 * changed.float().mean().item(), near=5, unit=" %")

# %%
ranked = first.sort(dim=1, descending=True).values
decisive = ranked[:, 0] - ranked[:, 1] > 0.1  # as in lesson 05
minds = list(looks)
changes = {
    name: [
        (looks[a].argmax(1) != looks[b].argmax(1))[chosen].float().mean().item()
        for a, b in zip(minds, minds[1:], strict=False)
    ]
    for name, chosen in (("all states", slice(None)), ("decisive states", decisive))
}
figure, axes = plt.subplots(figsize=(6.4, 2.6), layout="constrained")
for (name, shares), style in zip(changes.items(), ("o-", "o:"), strict=True):
    axes.plot(minds[1:], shares, style, ms=4, color=pictures.TEACHER, label=name)
axes.set(xlabel="updates", ylabel="other best action", ylim=(0, None))
axes.legend(frameon=False)
axes.spines[["top", "right"]].set_visible(False)
show(axes, "The share of states in which the best action is another than at the look before.")
played = pdlearn.evaluate(run.agent(), pdlearn.EvalConfig(episodes=by_budget(smoke=1, fast=5)))
before, after = teacher.score["mean"], played.mean
print(f"score of the shipped teacher {before:.1f}, of the one that went on {after:.1f}")

# %%
policies = {updates: teacher_policy(q, 0.03) for updates, q in looks.items()}
moved = sum(
    (policies[b] - policies[a]).abs().sum(1) for a, b in zip(minds, minds[1:], strict=False)
)
moment = int(moved.masked_fill(~decisive, -1).argmax())
some = [minds[0], *minds[1 :: max(1, (len(minds) - 1) // 3)][:3]]
show(
    pictures.frames(states.observation[moment]),
    "A decisive moment of Pong, the last four frames.",
)
show(
    pictures.bars(
        names,
        {
            "teacher, as shipped" if updates == 0 else f"after {updates} updates": policies[
                updates
            ][moment].tolist()
            for updates in some
        },
        "target",
    ),
    "What a student would be told to do at this moment by four networks of one DQN: not the same.",
)

# %% [markdown]
# Look at the score: that is what so few updates can do. (A few more may bring it back, and that is the
# swing.) The network changes its mind all the time, mostly where nothing hangs on the action, but in
# decisive states too. All of a DQN hangs together: an update for one state moves the values of all
# others, and its own targets with them (lesson 02). A student of each of these networks in turn would be
# told now this, now that, in the very same state.
#
# ## Watch it happen
#
# Catch is learnt in minutes (lesson 03). `OnlineDistillation` takes turns, in rounds of 400 agent steps:
#
# 1. the DQN learns a round and is evaluated; a new high score makes its copy the teacher,
# 2. the teacher plays as many steps into a memory (a new teacher begins an empty one),
# 3. the student learns 200 [minibatches](glossary.md#minibatch), and all are judged on the same games.

# %%
ROUND = by_budget(smoke=100, fast=400)
taught = replace(
    pdlearn.DQNConfig(), size="net3", num_envs=8, memory_steps=6_000,
    agent_steps=by_budget(smoke=6, fast=18) * ROUND,
    learn_start_steps=by_budget(smoke=100, fast=500), minibatch=32, samples_per_step=4.0,
    priority_exponent=0.0, n_step=3,
    learning_rate=1e-3, learning_rate_final=1e-3, target_period_updates=100,
    epsilon_final=0.02, epsilon_decay_steps=3_000, evaluation_period_steps=ROUND,
    evaluation_episodes=by_budget(smoke=4, fast=40), evaluation_epsilon=0.0,
)  # fmt: skip
online = replace(
    pdlearn.DistillConfig(), size="net3", steps_per_hour=ROUND, minibatch=32, num_envs=8,
    updates_per_hour=by_budget(smoke=3, fast=200), learning_rate=1e-3, learning_rate_final=1e-4,
)  # fmt: skip

# %%
run = OnlineDistillation("pdlearn/Catch-v0", taught, online, seed=1, precision="float32")
rows, snapshots = [], []
for row in run:
    if row["phase"] == "evaluate":
        rows.append(row)
        dqn = run.teacher_run.agent()
        snapshots.append(pdlearn.Agent(deepcopy(dqn.network), dqn.card))
scores = {name: np.array([row[name] for row in rows]) for name in ("dqn", "teacher", "student")}
at = [row["agent_steps"] for row in rows]
table(
    rows[:: max(1, len(rows) // 6)],
    "agent_steps",
    "updates",
    "dqn",
    "best_so_far",
    "teacher",
    "student",
)


# %%
def drawn(curves):
    """Draw scores over the DQN's agent steps, a line a name."""
    figure, axes = plt.subplots(figsize=(6.4, 3), layout="constrained")
    styles = {
        "dqn": {"color": pictures.TEACHER, "alpha": 0.45, "label": "DQN"},
        "teacher": {
            "color": pictures.TEACHER,
            "ls": ":",
            "label": "its best so far, judged afresh",
        },
        "student": {"color": pictures.STUDENT, "lw": 2, "label": "student of the best so far"},
        "of current": {"color": pictures.OTHERS[1], "label": "student of the current DQN"},
    }
    for name, line in curves.items():
        axes.plot(at, line, **styles[name])
    axes.set(xlabel="agent steps of the DQN", ylabel="score in Catch")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


show(
    drawn(scores),
    "The DQN falls back now and then, even after its best; once its best is good, the student of that "
    "does not fall with it.",
)

# %% [markdown]
# ## Exercise 4 · Break it
#
# Is it the *best* that matters, or would any teacher do? Another student learns from the same DQN, in
# the same rounds, but always follows the network as it stands. The second cell below prints what the
# others swing by; then guess its swing.


# %%
def follow_each(teachers):
    """Let a student learn a round from each of `teachers` in turn; return its scores."""
    generator = torch.Generator().manual_seed(1)
    student = StudentLearner(run.config, pdlearn.QNetwork(3, "net3", generator=generator))
    judged = pdlearn.EvalConfig(episodes=taught.evaluation_episodes, epsilon=0.0)
    scores = []
    for number, dqn in enumerate(teachers):
        memory = pdlearn.collect(dqn, ROUND, num_envs=8, seed=1_000 * number, generator=generator)
        for _ in range(online.updates_per_hour):
            student.update(memory.sample_states(online.minibatch, generator))
        agent = pdlearn.Agent(student.network, dqn.card)
        scores.append(pdlearn.evaluate(agent, judged, 1 + at[number]).mean)
    return np.array(scores)


scores["of current"] = follow_each(snapshots)

# %%
late = len(at) // 2
swings = {name: following.swing(line[late:]) for name, line in scores.items()}
print(f"DQN {swings['dqn']:.3f}, student of the best so far {swings['student']:.3f}")
### BEGIN SOLUTION
my_guess = 0.1
### END SOLUTION
check_prediction(my_guess, swings["of current"], near=0.02)

# %%
show(
    drawn(scores),
    "The same curves, and a student that follows the DQN as it stands.",
)
table(
    [
        {"who": name, "swing, second half": swings[name], "mean, second half": line[late:].mean(),
         "at the end": line[-1]}
        for name, line in scores.items()
    ]
)  # fmt: skip

# %% [markdown]
# The same DQN, rounds and loss; only *whom* the student follows differs. The student of the current DQN
# takes over its falls, since it learns from a teacher that has just fallen. The student of the best so
# far learns from one teacher until there is a better one, or one as good. This is where the calm comes
# from: its targets stand still. A DQN has no such luck, since its targets are made of its own values.
#
# It is one run of a small game. And a student is calm only if it learns enough in a round: with half the
# minibatches, and a step size that does not shrink, the student of the best so far swings as well. Try
# it. The paper's figure 5 shows two students of one DQN, on Q\*bert.
#
# ## The luckiest so far
#
# An evaluation is a mean of a few games. The highest of many is the luckiest as well as the best, as in
# lesson 04; and here the luck decides *whom the student follows*, for as long as nobody is luckier.
#
# ## Exercise 5 · Good or lucky?
#
# Made up, so that we know the truth: 25 networks of one DQN, which are worth 0.6 in Catch on average, give
# or take 0.1. Each is evaluated over 10 balls, and the one that scores highest is followed. Guess the
# score that it was chosen for.

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(0)
truth = np.clip(rng.normal(0.6, 0.1, (4_000, 25)), -1, 1)  # [trials, networks]


def chosen(episodes):
    """Return the mean high score over the trials, and the true mean score of who made it."""
    caught = rng.binomial(episodes, (1 + truth) / 2)
    evaluation = 2 * caught / episodes - 1
    best = [following.teacher_at(line)[-1] for line in evaluation]
    pick = np.arange(len(truth)), best
    return evaluation[pick].mean(), truth[pick].mean()


high_score, true_score = chosen(10)
print(f"the best of the 25, if one knew: {truth.max(1).mean():.2f}")
print(f"the one that is followed, in truth: {true_score:.2f}")
### BEGIN SOLUTION
my_guess = 0.8
### END SOLUTION
check_prediction(my_guess, high_score, near=0.05)

# %%
numbers = (5, 10, 20, 50, 100, 300, 1_000)
high, true = zip(*(chosen(n) for n in numbers), strict=True)
figure, axes = plt.subplots(figsize=(6.4, 2.8), layout="constrained")
axes.plot(numbers, high, "o-", ms=4, color=pictures.REFERENCE, label="its high score")
axes.plot(numbers, true, "o-", ms=4, color=pictures.TEACHER, label="whom one follows, in truth")
axes.axhline(truth.max(1).mean(), color="black", ls=":", label="the best there is")
axes.set(xscale="log", xlabel="games an evaluation", ylabel="score")
axes.legend(frameon=False, fontsize=8)
axes.spines[["top", "right"]].set_visible(False)
show(
    axes,
    "With few games an evaluation the high score is far above the truth, and the one that is followed "
    "is little better than the average; with many games both come near the best there is.",
)

# %% tags=["nbval-check-output"]
luck = np.mean([row["best_so_far"] - row["teacher"] for row in rows])
print("The run above: high score less the same network judged afresh, mean over evaluations,")
print("is above 0" if luck > 0 else "is not above 0")

# %% [markdown]
# Luck does two things. It makes the line "best so far" look too good: so judge that network afresh, as
# the dotted lines above and the column `teacher` of our results do. And it can keep a middling network
# in office for long: so let an evaluation be of many games before you hand a student over to its winner.
#
# ## Exercise 6 · A new teacher
#
# When a new teacher takes over, `OnlineDistillation` empties the memory, and the student learns from a
# single round again. Why throw the old states away? `"the memory is full"`, `"the old labels are another's"` or
# `"old states teach nothing"`?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
my_choice = "the old labels are another's"
### END SOLUTION
check_choice("A new teacher", my_choice)

# %% [markdown]
# ## Real games
#
# `pdlearn reproduce online` does what this lesson did, on real games and for hours: the paper's figure 5.
# Its rows stand in `online.csv` of `docs/results`, if they have been run.

# %%
long_rows = read_rows(folder("docs/results") / "online.csv")
if long_rows:
    show(
        online_curves(long_rows),
        "A DQN, its best so far and students of that, over the DQN's agent steps.",
    )
Markdown(claims.of_online("online", long_rows) if long_rows else "They have not been run yet.")

# %% [markdown]
# In the shell, `pdlearn distill pong --online` trains a DQN and its student together. What the paper
# leaves open here (how often the DQN is judged, how fast the student learns) is listed in
# `docs/differences.md`.

# %% [markdown]
# ## Quiz
#
# 1. Whom does the student follow after an evaluation that is lower than the one before?
#    <details><summary>Answer</summary>The one it followed already: only a new high score changes the
#    teacher.</details>
# 2. Why is the student calmer than the DQN?
#    <details><summary>Answer</summary>Its targets stand still from one high score to the next. The
#    DQN's targets are made of its own values, which every update moves.</details>
# 3. The best-so-far line never falls. Is that a finding?
#    <details><summary>Answer</summary>No, a maximum that is kept cannot. That somebody who learns
#    from it does not fall either is one.</details>
# 4. The high score is 20.1; judged afresh the same network makes 18.9. What happened?
#    <details><summary>Answer</summary>The maximum of many evaluations picks luck. The second number
#    is the one to report.</details>
# 5. A DQN's first evaluation is very lucky. What becomes of its student?
#    <details><summary>Answer</summary>It goes on following that network until a later one is luckier
#    still, though better ones pass by. More games an evaluation guard against it.</details>

# %% [markdown]
# ## Key points
#
# - Online distillation: the DQN learns on, the student follows a copy of the best so far.
# - Its targets stand still between high scores; that is where the calm comes from.
# - The swing is the mean change between neighbours, in the second half of a run.
# - The best so far is also the luckiest so far: evaluate over many games, and judge it afresh.
#
# The paper: figure 5, and two more games in appendix C. The code of this lesson is `pdlearn/online.py`.
