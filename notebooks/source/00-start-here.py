# ---
# jupyter:
#   pdlearn:
#     minutes: 20
#     level: start
#     prerequisites: []
#     objectives:
#     - say what policy distillation is, and take a real step of it
#     - watch a teacher and its student play the same game, and read what their networks put out
#     - say why agreeing with a teacher often and playing well are two things
# ---

# %% [markdown]
# # 00 · Start here
#
# A deep Q-network that plays Pong from pixels has 1.7 million weights. A network with 28 times fewer
# can play nearly as well, if it learns from the large one instead of from the game. Teaching it so is
# *policy distillation* (Rusu et al. 2015), and it is what these lessons are about.
#
# **How to use a lesson.** Run the cells in order with Shift-Enter. Where a cell asks you to predict,
# do so before you run it: a surprise teaches more than a number. Words with a link are explained in
# the [glossary](glossary.md).

# %%
from dataclasses import replace

import torch

import pdlearn
from pdlearn.distill import StudentLearner, agreement
from pdlearn.exercises import check_choice, check_prediction, check_update
from pdlearn.lessons import by_budget, pictures, show, table
from pdlearn.losses import kl_loss, teacher_policy

# %% [markdown]
# ## Two players
#
# The package ships trained [agents](glossary.md#agent). `pong/teacher` learnt by trial and error, from
# points won and lost. `pong/net3` is its [student](glossary.md#student): nobody told it who won a
# point, only what the [teacher](glossary.md#teacher) thought of each picture.

# %% tags=["nbval-check-output"]
teacher = pdlearn.zoo.load("pong/teacher")
net3 = pdlearn.zoo.load("pong/net3")
for agent in (teacher, net3):
    print(f"{agent.card['size']:8s} {pdlearn.parameter_count(agent.network):9,} weights")

# %% [markdown]
# ## Exercise 1 · How good is the small one?
#
# Pong's [score](glossary.md#score) runs from -21 to 21. Each agent was judged over 100 games that it
# had never seen. How many percent of its teacher's score does the student make? Guess before you run
# the check, which reads the measured scores from the agents' cards.

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
my_guess = 90
### END SOLUTION
measured = 100 * net3.score["mean"] / teacher.score["mean"]
check_prediction(my_guess, measured, near=5, unit=" %")

# %% tags=["nbval-check-output"]
table(
    [
        {"agent": agent.card["size"]}
        | {key: round(agent.score[key], 1) for key in ("mean", "low", "high", "episodes")}
        for agent in (teacher, net3)
    ]
)

# %% [markdown]
# `low` and `high` are the ends of the 95 % interval of the mean. The two intervals overlap: over 100
# games one cannot tell which of the two plays better.
#
# ## Watch them play
#
# Both start from the same position. Press play, or step from difference to difference. The bars show
# what each network puts out for the picture above them.

# %%
watched = pdlearn.widgets.compare(
    {"teacher": teacher, "net3": net3}, agent_steps=by_budget(smoke=60, fast=450)
)
watched

# %% [markdown]
# The outputs are not the same kind of number. The teacher's are
# [Q-values](glossary.md#q-value), points it expects to make. The student's are
# [logits](glossary.md#logit): only their differences mean something.
#
# ## Your turn
#
# Press Start and play with the arrow keys: up and down move the right paddle, space serves. The
# student plays beside you, from the same start. The bars under your game say what it would do in your
# place; T hands your game over to it, in the middle of a rally, and T takes it back. This needs a
# running kernel.

# %%
pdlearn.widgets.play("pong", against=net3)

# %% [markdown]
# It decides fifteen times a second, and so do you. What it needs for that is the next question.
#
# ## What a network sees
#
# An [observation](glossary.md#observation) is the last four frames that were kept, 84 × 84 grey pixels
# each, so that a network can see where the ball is going. Here is one moment of the teacher's game: the
# one in which its best action leads the second best the most.

# %%
clip = watched.clips[0]
ranked = torch.from_numpy(clip.values).sort(dim=1).values
moment = int((ranked[:, -1] - ranked[:, -2]).argmax())
observation = torch.from_numpy(clip.observations[moment : moment + 1])  # [1, 4, 84, 84]
show(
    pictures.frames(observation[0]),
    "Four grey frames of Pong, one step apart: the teacher plays the paddle on the right.",
)

# %% [markdown]
# ## From values to a target
#
# The teacher gives one Q-value an action. To teach *what to do*, distillation turns them into a
# [policy](glossary.md#policy), probabilities of actions: it divides the values by a
# [temperature](glossary.md#temperature) and takes the [softmax](glossary.md#softmax),
#
# $$\texttt{target} = \operatorname{softmax}(\texttt{teacher\_q} \,/\, \texttt{temperature}).$$

# %%
teacher_q = teacher.network(observation)
target = teacher_policy(teacher_q, temperature=0.03)
names = teacher.actions
show(
    pictures.bars(names, {"teacher's Q-values": teacher_q[0].tolist()}, "points"),
    "The teacher's Q-values in this moment, one bar an action, in points.",
)

# %%
show(
    pictures.bars(names, {"teacher's policy": target[0].tolist()}, "probability"),
    "The target made from them with temperature 0.03: nearly all of it lies on the best action.",
)

# %% [markdown]
# A small temperature turns differences of a fraction of a point into a clear choice. Lesson 05 is about how
# small it should be.
#
# ## The loss
#
# The student's outputs go through a softmax too, without a temperature. The
# [KL divergence](glossary.md#kl-divergence) says how far the student's policy is from the target:
#
# $$\texttt{loss} = \sum_a \texttt{target}_a \,\bigl(\log \texttt{target}_a - \log
# \operatorname{softmax}(\texttt{student\_logits})_a\bigr).$$
#
# A student that has not learnt anything yet:

# %% tags=["nbval-check-output"]
student = pdlearn.QNetwork(len(names), "net3", generator=torch.Generator().manual_seed(0))
memory = pdlearn.zoo.recording("pong")
print(f"{len(memory):,} states of the teacher's play, half an hour of it")

# %%
batch = memory.sample_states(64, torch.Generator().manual_seed(1))
loss = kl_loss(student(batch.observation), batch.teacher_q, temperature=0.03)
print(f"loss on {len(batch.observation)} states before learning: {loss.item():.2f}")

# %% [markdown]
# The recording ships with the package: for each state, what the teacher saw and the Q-values it gave.
# Lesson 06 records its own.
#
# ## Exercise 2 · One step of distillation
#
# Write an [update](glossary.md#update): the loss of a minibatch, its gradient, one step of the
# optimiser. Use `kl_loss` with temperature 0.03, and mind that PyTorch adds gradients up until they are
# set to zero.


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
# The package's `StudentLearner` does the same, with a learning rate that falls as it goes. We watch
# the loss and the [agreement](glossary.md#agreement): the share of states in which teacher and student
# would choose the same action.

# %%
config = replace(pdlearn.DistillConfig(), hours=1, updates_per_hour=by_budget(smoke=20, fast=1_500))
learner = StudentLearner(config, student)
generator = torch.Generator().manual_seed(2)
rows, losses = [], []
while learner.updates < config.updates_per_hour:
    losses.append(learner.update(memory.sample_states(config.minibatch, generator)))
    if learner.updates % (config.updates_per_hour // 20) == 0:
        shared = agreement(student, memory, generator)
        loss = torch.stack(losses).mean().item()
        rows.append({"updates": learner.updates, "loss": loss, "agreement": shared})
        losses = []

# %%
show(
    pictures.curves({"student": rows}, ["loss", "agreement"]),
    "The loss rests at first, then falls; with it the agreement rises from chance.",
)

# %% [markdown]
# At first the student only finds out how often each action is called for; then it begins to see when.
# The shipped `net3` went on for several times as long.
#
# ## Exercise 3 · How often does a good student agree?
#
# `net3` makes nearly all of its teacher's score. In how many percent of the states does it choose the
# same one of the six actions as its teacher?

# %%
### BEGIN SOLUTION
my_guess = 95
### END SOLUTION
measured = 100 * agreement(net3.network, memory, torch.Generator().manual_seed(3))
check_prediction(my_guess, measured, near=5, unit=" %")

# %% [markdown]
# In most states next to nothing hangs on the choice: the ball is far away, and RIGHT and RIGHTFIRE are
# the same move. FIRE does something only as the paddle meets the ball, and there the teacher knows it:
# look at its values above. Where nothing hangs on it, nothing is lost by choosing otherwise.
#
# ## Exercise 4 · Does the beginner win points?
#
# Guess the score of *our* student, from -21 (loses every point) to 21.

# %%
### BEGIN SOLUTION
my_guess = 0
### END SOLUTION
beginner = pdlearn.Agent(student, net3.card)
judged = pdlearn.EvalConfig(episodes=by_budget(smoke=1, fast=4))
measured = pdlearn.evaluate(beginner, judged).mean
check_prediction(my_guess, measured, near=4)

# %% [markdown]
# A few states decide a point, and those are the ones that a beginner still gets wrong. So an agent is
# judged by playing, not by its loss or its agreement; lesson 04 is about how.
#
# ## Exercise 5 · What did the student never get?
#
# The teacher learnt from frames and rewards; its play was recorded with the values that it gave.
# Which of the three did the student never get: `"frames"`, `"values"` or `"rewards"`?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
never_seen = "rewards"
### END SOLUTION
check_choice("What did the student never get?", never_seen)

# %% [markdown]
# ## Quiz
#
# 1. What does a student learn from?
#    <details><summary>Answer</summary>From states that the teacher played through and the Q-values
#    that the teacher gave in them. Not from rewards.</details>
# 2. Why four frames and not one?
#    <details><summary>Answer</summary>One frame shows where the ball is, not where it is
#    going.</details>
# 3. What does a small temperature do?
#    <details><summary>Answer</summary>It sharpens the target: small differences between Q-values
#    become a clear choice.</details>
# 4. Two students agree with their teacher in half of the states. Do they play equally well?
#    <details><summary>Answer</summary>One cannot say: it depends on which half. One that is right
#    in the few states that decide a point can play as well as its teacher.</details>
# 5. The teacher's outputs are near 0.5, the student's near 8. Is the student wrong?
#    <details><summary>Answer</summary>Not for that. Its outputs are logits; adding a number to all of
#    them changes nothing.</details>

# %% [markdown]
# ## Where to go
#
# {{lessons}}

# %% [markdown]
# ## Key points
#
# - Policy distillation trains a student to give the policy that a teacher's Q-values make.
# - The target is `softmax(teacher_q / temperature)`, the loss the KL divergence from it.
# - Agreement is quick to see, the score is what counts.
#
# The paper: A. A. Rusu et al., *Policy Distillation*, 2015,
# [arXiv:1511.06295](https://arxiv.org/abs/1511.06295); this lesson follows its section 3.
