# ---
# jupyter:
#   pdlearn:
#     minutes: 20
#     level: start
#     prerequisites: []
#     objectives:
#     - say what policy distillation is, and take a real step of it
#     - watch a teacher and its student play the same game, and read their networks' outputs
#     - say why frequent agreement with the teacher and a high score are different things
# ---

# %% [markdown]
# # 00 · Start here
#
# A deep Q-network that plays Pong from pixels has 1.7 million weights. A network with 28 times fewer can
# play nearly as well if it learns from the large one instead of from the game. This is *policy
# distillation* (Rusu et al. 2015), the subject of these lessons. In Breakout, too, a student finds its
# teacher's way behind the wall:
#
# ![Breakout's teacher and a student with 28 times fewer weights each get the ball behind the wall, side by
# side.](images/breakout.webp)
#
# ![A teacher plays; observations and its Q-values are stored. The Q-values divided by a temperature give a
# target, and the student's policy is brought near to it.](images/method.svg)
#
# **How to use a lesson.** Run the cells in order with Shift-Enter. Where a cell asks for a prediction,
# make it before you run the cell. The [glossary](glossary.md) explains the words with a link.

# %%
from dataclasses import replace

import torch

import pdlearn
from pdlearn.distill import StudentLearner, agreement
from pdlearn.exercises import check_choice, check_prediction, check_update
from pdlearn.lessons import by_budget, measures, pictures, show, table
from pdlearn.losses import kl_loss, teacher_policy

# %% [markdown]
# ## Two players
#
# The package ships trained [agents](glossary.md#agent). `pong/teacher` learnt from points won and lost.
# `pong/net3` is its [student](glossary.md#student): it learnt without points, from the values that the
# [teacher](glossary.md#teacher) gives to each picture.

# %% tags=["nbval-check-output"]
teacher = pdlearn.zoo.load("pong/teacher")
net3 = pdlearn.zoo.load("pong/net3")
for agent in (teacher, net3):
    count = pdlearn.parameter_count(agent.network)
    print(f"{agent.card['size']:8s} {count:9,} weights")

# %% [markdown]
# ## Exercise 1 · How good is the small one?
#
# Pong's [score](glossary.md#score) runs from -21 to 21. Each agent was evaluated over many games that
# were not used in training. What percentage of its teacher's score does the student reach? Guess before
# you run the check, which reads the measured scores from the agents' cards.

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
# Measured: the two means differ by less than their intervals are wide.
my_guess = 98
### END SOLUTION
measured = 100 * net3.score["mean"] / teacher.score["mean"]
check_prediction(my_guess, measured, near=5, unit=" %")

# %% tags=["nbval-check-output"]
agents = {"teacher": teacher, "net3": net3}
table(
    {who: measures.score_row(a.score) for who, a in agents.items()}, of="agent"
)

# %% [markdown]
# `low` and `high` are the ends of the 95 % interval of the mean. Where two intervals overlap, these
# games do not show which of the two plays better.
#
# ## Watch them play
#
# Both start from the same position. Press play, or step from one difference to the next. The bars show
# each network's outputs for the picture above them.

# %%
watched = pdlearn.widgets.compare(
    agents, agent_steps=by_budget(smoke=60, fast=450)
)
watched

# %% [markdown]
# The outputs are different kinds of numbers. The teacher's are [Q-values](glossary.md#q-value), the
# points that it expects. The student's are [logits](glossary.md#logit): only their differences have a
# meaning.
#
# ## Your turn
#
# Press Start and play with the arrow keys: up and down move the right paddle, space serves. The student
# plays beside you, from the same start. The bars under your game show what it would do in your place. T
# hands your game over to it, and T takes it back. This needs a running kernel. (The bars name Pong's
# actions as the Atari does: RIGHT moves the paddle up, LEFT down.)

# %%
pdlearn.widgets.play("pong", against=net3)

# %% [markdown]
# The student decides fifteen times a second, and so do you.
#
# ## What a network sees
#
# An [observation](glossary.md#observation) is the last four frames that were kept, 84 × 84 grey pixels
# each, so that it shows the ball's direction. Here is a moment of the teacher's game in which its best
# value is about 0.05 points above the second-best.

# %%
clip = watched.clips[0]
gaps = measures.action_gap(torch.from_numpy(clip.values))
moment = int((gaps - 0.05).abs().argmin())
observation = torch.from_numpy(clip.observations[[moment]])  # [1, 4, 84, 84]
show(
    pictures.frames(observation[0]),
    "Four grey frames of Pong, one step apart: the teacher plays the paddle on "
    "the right.",
)

# %% [markdown]
# ## From values to a target
#
# The teacher gives one Q-value for each action. Distillation turns the values into a
# [policy](glossary.md#policy), probabilities of actions: it divides them by a
# [temperature](glossary.md#temperature) and takes the [softmax](glossary.md#softmax),
#
# $$\texttt{target} = \operatorname{softmax}(\texttt{teacher\_q} \,/\, \texttt{temperature}).$$

# %%
teacher_q = teacher.network(observation)  # [1, 6]
names = teacher.actions
show(
    pictures.bars(names, {"teacher": teacher_q[0].tolist()}, "points"),
    "The teacher's Q-values in this moment, one bar an action, in points.",
)

# %%
targets = {
    f"temperature {t}": teacher_policy(teacher_q, t)[0].tolist()
    for t in (1, 0.1, 0.03)
}
show(
    pictures.bars(names, targets, "probability"),
    "The targets made from them: nearly uniform at temperature 1, and clearest "
    "on the best action at temperature 0.03.",
)

# %% [markdown]
# A small temperature turns differences of a few hundredths of a point into a clear choice. Lesson 05
# asks how small it should be.
#
# ## The loss
#
# The student's outputs go through a softmax too, without a temperature. The [KL
# divergence](glossary.md#kl-divergence) measures how far the student's policy is from the target:
#
# $$\texttt{loss} = \sum_a \texttt{target}_a \,\bigl(\log \texttt{target}_a - \log
# \operatorname{softmax}(\texttt{student\_logits})_a\bigr).$$
#
# A student before learning:

# %% tags=["nbval-check-output"]
student = pdlearn.QNetwork(
    len(names), "net3", generator=torch.Generator().manual_seed(0)
)
memory = pdlearn.zoo.recording("pong")
print(f"{len(memory):,} states of the teacher's play, half an hour of it")

# %%
batch = memory.sample_states(64, torch.Generator().manual_seed(1))
loss = kl_loss(student(batch.observation), batch.teacher_q, temperature=0.03)
print(
    f"loss on {len(batch.observation)} states before learning: "
    f"{loss.item():.2f}"
)

# %% [markdown]
# The recording ships with the package. It holds for each state the teacher's observation and its
# Q-values. Lesson 06 makes its own.
#
# ## Exercise 2 · One step of distillation
#
# Write an [update](glossary.md#update): the loss of a minibatch, its gradient, one step of the
# optimiser. Use `kl_loss` with temperature 0.03. PyTorch adds gradients up until they are set to zero.
# (The states are an expert's, and no reward is used: this is [imitation
# learning](glossary.md#imitation-learning).)


# %%
def update(student, optimizer, observation, teacher_q):
    ### BEGIN SOLUTION
    loss = kl_loss(student(observation), teacher_q, temperature=0.03)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_update(update)

# %% [markdown]
# ## Some more steps
#
# The package's `StudentLearner` does the same, with a learning rate that decreases. We watch the loss
# and the [agreement](glossary.md#agreement): the share of states in which teacher and student choose the
# same action.

# %%
config = replace(
    pdlearn.DistillConfig(),
    hours=1,
    updates_per_hour=by_budget(smoke=20, fast=1_500),
)
learner = StudentLearner(config, student)
generator = torch.Generator().manual_seed(2)
rows, losses = [], []
while learner.updates < config.updates_per_hour:
    losses.append(
        learner.update(memory.sample_states(config.minibatch, generator))
    )
    if learner.updates % (config.updates_per_hour // 20) == 0:
        shared = agreement(student, memory, generator)
        loss = torch.stack(losses).mean().item()
        rows.append(
            {"updates": learner.updates, "loss": loss, "agreement": shared}
        )
        losses = []

# %%
show(
    pictures.curves({"student": rows}, ["loss", "agreement"]),
    "The loss is flat at first and then falls; the agreement rises from "
    "chance.",
)

# %% [markdown]
# At first the student only learns how often its teacher takes each action, then in which states. The
# shipped `net3` was trained several times as long.
#
# ## Exercise 3 · How often does a good student agree?
#
# `net3` reaches nearly all of its teacher's score. In what percentage of the states does it choose the
# same one of the six actions as its teacher?

# %%
### BEGIN SOLUTION
# Measured: in most states the choice makes no difference.
my_guess = 54
### END SOLUTION
measured = 100 * agreement(
    net3.network, memory, torch.Generator().manual_seed(4)
)
check_prediction(my_guess, measured, near=5, unit=" %")

# %% [markdown]
# In most states the choice makes nearly no difference. While the ball is far away, any move can still be
# corrected. FIRE has an effect only when the paddle meets the ball; in all other states RIGHT and
# RIGHTFIRE are the same move.
#
# ## Exercise 4 · Does the beginner win points?
#
# Guess the score of *our* student, from -21 (loses every point) to 21.

# %%
### BEGIN SOLUTION
# Measured: each decisive state in which it is wrong can cost a point.
my_guess = -18.5
### END SOLUTION
beginner = teacher.with_network(student, "logits")
settings = pdlearn.EvalConfig(episodes=by_budget(smoke=1, fast=4))
measured = pdlearn.evaluate(beginner, settings).mean
check_prediction(my_guess, measured, near=4)

# %% [markdown]
# The difference between the best and the second-best value is the [action
# gap](glossary.md#action-gap). We call a state *decisive* if the teacher's gap is above 0.1 points. There
# are few of them. How often does each student choose its teacher's action in these?

# %%
states = memory.sample_states(4_096, torch.Generator().manual_seed(4))
students = {"our student": student, "net3": net3.network}
outputs = {
    who: network(states.observation) for who, network in students.items()
}
table(
    {
        w: measures.agreement(out, states.teacher_q)
        for w, out in outputs.items()
    },
    of="student",
)

# %% [markdown]
# Our student has learnt most of the decisive choices, and net3 nearly all. What is left between them is
# enough to lose a game: each wrong choice in a decisive state can cost a point. Agreement in all states
# shows little of this. Therefore agents are evaluated by playing, not by their loss or agreement. Lesson
# 04 shows how.
#
# ## Exercise 5 · What did the student never get?
#
# The teacher learnt from frames and rewards. Its play was recorded with its values. Which of the three
# did the student never get: `"frames"`, `"values"` or `"rewards"`?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
never_seen = "rewards"
### END SOLUTION
check_choice("What did the student never get?", never_seen)

# %% [markdown]
# ## Quiz
#
# 1. What does a student learn from?
#    <details><summary>Answer</summary>From states of the teacher's play and the teacher's Q-values in
#    them. Not from rewards.</details>
# 2. Why four frames and not one?
#    <details><summary>Answer</summary>One frame shows where the ball is, not where it is
#    going.</details>
# 3. What does a small temperature do?
#    <details><summary>Answer</summary>It sharpens the target: small differences between Q-values
#    become a clear choice.</details>
# 4. Two students agree with their teacher in half of the states. Do they play equally well?
#    <details><summary>Answer</summary>Not necessarily: it depends on which half. A student that is right
#    in the few states that decide a point can play as well as its teacher.</details>
# 5. The teacher's outputs are near 0.5, the student's near 8. Is the student wrong?
#    <details><summary>Answer</summary>No. Its outputs are logits; adding a number to all of them changes
#    nothing.</details>

# %% [markdown]
# ## Where to go
#
# {{lessons}}

# %% [markdown]
# ## Key points
#
# - Policy distillation trains a student to give the policy that follows from a teacher's Q-values.
# - The target is `softmax(teacher_q / temperature)`, the loss the KL divergence from it.
# - Agreement is quick to measure; only the score measures how well an agent plays.
#
# The paper: A. A. Rusu et al., *Policy Distillation*, 2015,
# [arXiv:1511.06295](https://arxiv.org/abs/1511.06295); this lesson follows its section 3.
