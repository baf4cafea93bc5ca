# ---
# jupyter:
#   pdlearn:
#     minutes: 40
#     level: middle
#     prerequisites: ['00', '05']
#     objectives:
#     - record a teacher's play, distil it into a small network and evaluate the student
#     - compare a learning curve with the loss of the constant policy
#     - recognise a student that has collapsed, and one that overfits its recording
# ---

# %% [markdown]
# # 06 · Distil one game
#
# All steps of single-game [distillation](glossary.md#distillation), on Pong: the play of a
# [teacher](glossary.md#teacher) is recorded, a [student](glossary.md#student) 28 times smaller learns
# from the recording, and both are evaluated by playing.
#
# In the code's names, it minimises over the recorded states the mean of
#
# $$D_{KL}(\texttt{target} \,\|\, \texttt{student}) = \sum_a \texttt{target}_a \,\bigl(\log
# \texttt{target}_a - \log \texttt{student}_a\bigr), \qquad \texttt{target} =
# \operatorname{softmax}(\texttt{teacher\_q} \,/\, \texttt{temperature}).$$

# %%
from dataclasses import replace
from pathlib import Path

import torch

import pdlearn
from pdlearn.distill import StudentLearner
from pdlearn.exercises import (
    check_agreement,
    check_choice,
    check_prediction,
    check_variety,
)
from pdlearn.lessons import by_budget, measures, pictures, results, show, table
from pdlearn.losses import kl_loss, teacher_policy
from pdlearn.widgets import watch

teacher = pdlearn.zoo.load("pong/teacher")
names = teacher.actions

# %% [markdown]
# ## Exercise 1 · How large is an hour?
#
# The paper counts play in hours. An agent acts on every fourth of 60 [frames](glossary.md#frame) a
# second: 54,000 steps an hour. A state is the last four of these frames, so each frame is in four
# states, and the [replay memory](glossary.md#replay-memory) stores it once: 84 × 84 bytes. How many
# megabytes does an hour need?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
# 54,000 frames of 84 × 84 bytes.
my_guess = 381
### END SOLUTION
check_prediction(my_guess, 54_000 * 84 * 84 / 1e6, near=25, unit=" MB")

# %% [markdown]
# ## Record
#
# The teacher plays 16 games in parallel, and 5 % of its actions are random
# ([epsilon](glossary.md#epsilon) 0.05). Random actions lead to states that the teacher's own play
# avoids. A student makes mistakes and gets into such states, which the recording would otherwise lack:
# a [covariate shift](glossary.md#covariate-shift).

# %%
recorded_steps = by_budget(smoke=1_600, fast=27_000, full=108_000)
memory = pdlearn.collect(teacher, recorded_steps)
# Each purpose has its own seeds, so these are other games.
other_steps = by_budget(smoke=1_600, fast=8_000)
unseen = pdlearn.collect(teacher, other_steps, seed=1, purpose="show")
print(f"{len(memory):,} states to learn from, {len(unseen):,} of other games")

# %% [markdown]
# A [minibatch](glossary.md#minibatch) is drawn at random from the whole recording. Four of its states:

# %%
batch = memory.sample_states(64, torch.Generator().manual_seed(0))
choices = [names[choice] for choice in batch.teacher_q.argmax(1)]
show(
    pictures.frames(batch.observation[:4, -1], choices[:4]),
    "The newest frames of four states from different games, with the action "
    "the teacher chose.",
)

# %% [markdown]
# ## What the recording can teach
#
# The target of each state is `softmax(teacher_q / 0.03)`, as in lesson 05. Its average over states is
# the frequency of each action. A student that ignores the state can do no better than this average. What
# is the loss of this [constant policy](glossary.md#constant-policy)?

# %%
TEMPERATURE = 0.03
states = unseen.sample_states(1_024, torch.Generator().manual_seed(1))
target = teacher_policy(states.teacher_q, TEMPERATURE)  # [B, A]
marginal = target.mean(0)  # [A], the best policy that ignores the state
same_everywhere = marginal.log().expand_as(target)
blind_loss = kl_loss(same_everywhere, states.teacher_q, TEMPERATURE).item()
print(f"a student that always answers with the average: loss {blind_loss:.3f}")

# %% [markdown]
# A student whose loss is not lower has learnt how often its teacher takes each action, but not in which
# states.
#
# ## Exercise 2 · Agreement
#
# Write the share of states in which student and teacher choose the same action.


# %%
def agreement_by_hand(student_output, teacher_q):
    """Return the share, a scalar between 0 and 1, for tensors [B, A]."""
    ### BEGIN SOLUTION
    return (
        (student_output.argmax(dim=1) == teacher_q.argmax(dim=1)).float().mean()
    )
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_agreement(agreement_by_hand)

# %% [markdown]
# ## Learn
#
# A `Distillation` yields a row of metrics every 250 updates, and `watch` draws them. It can record by
# itself; here it gets our recording. (Stop ends it early; the student is then the network so far.)

# %%
config = replace(
    pdlearn.DistillConfig(),
    temperature=TEMPERATURE,
    hours=1,
    updates_per_hour=by_budget(smoke=60, fast=5_000, full=10_000),
)
run = pdlearn.Distillation(teacher, config, recording=memory, seed=0)
rows = []
async for row in watch(run):
    rows.append(row)
student = run.agent()

# %%
show(
    pictures.curves({"student": rows}, ["loss", "agreement"], level=blind_loss),
    "The loss falls below that of the constant policy (dotted); agreement on "
    "unseen games rises.",
)

# %% [markdown]
# The dotted line is the constant policy. After some hundred updates the student has learnt the frequencies
# of the actions. Below the line it learns in which states to take them.
#
# ## Seen and unseen
#
# `agreement` is measured on games that are not in the recording. Is it higher on recorded games?
# (While `async for` waits between two rows, JupyterLab shows the kernel as idle, although it trains.)


# %%
@torch.no_grad()
def measured_on(memory):
    """Return the student's loss and agreement on 2,048 states of a memory."""
    some = memory.sample_states(2_048, torch.Generator().manual_seed(2))
    output = student.network(some.observation)
    loss = kl_loss(output, some.teacher_q, TEMPERATURE).item()
    alike = (output.argmax(1) == some.teacher_q.argmax(1)).float().mean()
    return {"loss": loss, "agreement": alike.item()}


both = {"recorded": memory, "unseen games": unseen}
table({name: measured_on(games) for name, games in both.items()}, of="states")

# %% [markdown]
# A gap between the two rows is [overfitting](glossary.md#overfitting): the student has partly learnt the
# recording instead of the game. The loss shows it earlier than the agreement. More play makes the gap
# smaller; more updates on the same play make it larger.
#
# ## Exercise 3 · Evaluate it
#
# Guess the student's mean score before it plays. Its teacher's is `teacher.score["mean"]`; a random
# player loses nearly every point and ends at -20 or -21.

# %%
### BEGIN SOLUTION
# Measured: half an hour of play is enough for nearly its teacher's score.
my_guess = 18.3
### END SOLUTION
episodes = by_budget(smoke=1, fast=10, full=30)
result = pdlearn.evaluate(student, pdlearn.EvalConfig(episodes=episodes))
check_prediction(my_guess, result.mean, near=3)

# %%
shipped = pdlearn.zoo.load("pong/net3")
scores = {
    "teacher": teacher.score,
    "ours": result.card(),
    "shipped net3": shipped.score,
}
table({who: measures.score_row(s) for who, s in scores.items()}, of="agent")

# %% [markdown]
# `low` and `high` are a 95 % interval over games, which is wide for few games. The shipped student has
# the same network and the same loss. It learnt from four times as much play, with twice as many updates.

# %%
watched = pdlearn.widgets.compare(
    {"teacher": teacher, "ours": student, "shipped net3": shipped},
    agent_steps=by_budget(smoke=60, fast=300),
)
watched

# %% [markdown]
# A clip is the beginning of *one* game, and the score above is a mean. A student with a good mean can
# lose several points in a row. (`compare(..., seed=1)` shows another game; this student wins most of
# them.) How often does it agree with its teacher in the clip?

# %%
played = torch.from_numpy(watched.clips[1].observations)
seen = {
    "the teacher's play": states.observation,
    "its own play, the clip": played,
}
rows = {}
for where, observation in seen.items():
    teacher_q = teacher.network(observation)
    rows[where] = measures.agreement(student.network(observation), teacher_q)
print("games of ours:", *sorted(map(int, result.scores)))
table(rows, of="states of")

# %% [markdown]
# In its own play the student comes to states that the recording hardly contains. After a lost point,
# for example, the game continues from a state that its teacher rarely sees, because the teacher rarely
# loses a point. There the student has learnt less, and one lost point can lead to the next. This is the
# covariate shift of [imitation learning](glossary.md#imitation-learning). [DAgger](glossary.md#dagger)
# answers it: the student plays, and the teacher labels the states that the student reaches.
# `DistillConfig(student_share=0.5)` records half of the states in this way.
#
# Now play against your student. Hand it your game during a rally, and see whether it returns the ball.

# %%
pdlearn.widgets.play("pong", against=student, name="ours")

# %% [markdown]
# ## Longer runs
#
# These rows are read from `recipes.csv` of `docs/results`: students of the same teacher with the same
# temperature, their amount of play, their updates and learning rate, and their scores over 30 games.

# %%
longer = results("recipes", game="pong", temperature=str(TEMPERATURE))
settings = ("teacher_steps", "minibatch", "updates", "learning_rate", "seed")
table(longer, *settings, "mean", "low", "high")

# %% [markdown]
# Rows that differ in one setting, the amount of play or the learning rate, have different scores. But so
# have the second and the third, which differ only in their seed. One run is not enough to compare
# settings (lesson 10).
#
# ## Break it
#
# Now the same student with a [learning rate](glossary.md#learning-rate) 30 times too large.

# %%
updates = by_budget(smoke=60, fast=400)
reckless = replace(config, learning_rate=0.1, updates_per_hour=updates)
broken = pdlearn.QNetwork(6, "net3", generator=torch.Generator().manual_seed(0))
learner = StudentLearner(reckless, broken)
generator = torch.Generator().manual_seed(3)
reckless_rows = []
for update in range(1, updates + 1):
    loss = learner.update(memory.sample_states(64, generator)).item()
    reckless_rows.append({"updates": update, "loss": loss})
show(
    pictures.curves({"student": reckless_rows}, ["loss"], level=blind_loss),
    "The loss of each minibatch: it stays near the constant policy's (dotted) "
    "to the end.",
)

# %% [markdown]
# The curve is noisy, because minibatches differ, but flat. Without the dotted line it looks like that of
# a student that has finished learning. It has learnt only the constant policy.
#
# ## Exercise 4 · Variety
#
# The [variety](glossary.md#variety) shows this: how much policies `[B, A]` differ from state to state.
# It is the standard deviation over *states*, averaged over actions. Write it.


# %%
def variety_by_hand(policies):
    """Return a scalar for policies [B, A]."""
    ### BEGIN SOLUTION
    return policies.std(dim=0).mean()
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_variety(variety_by_hand)

# %%
with torch.no_grad():
    policies = {
        "teacher": target,
        "student": torch.softmax(student.network(states.observation), 1),
        "collapsed": torch.softmax(broken(states.observation), 1),
    }
table(
    {w: {"variety": p.std(0).mean().item()} for w, p in policies.items()},
    of="policy",
)

# %%
answers = {
    "teacher's average": marginal.tolist(),
    "collapsed": policies["collapsed"][0].tolist(),
}
show(
    pictures.bars(names, answers, "probability"),
    "The collapsed student's answer to one state, beside the teacher's average "
    "over all states.",
)

# %% [markdown]
# The student has [collapsed](glossary.md#collapse). The large first updates made its hidden units
# inactive (dead ReLUs). Only the last layer's biases still learn, and they have learnt the average. It
# gives this answer to every picture.
#
# ## Exercise 5 · Signs of a collapse
#
# Which of these does *not* show the collapse: `"the loss has stopped falling"`, `"variety is 0"`, `"it
# loses 21 to 0"`?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
no_proof = "the loss has stopped falling"
### END SOLUTION
check_choice("Signs of a collapse", no_proof)

# %% [markdown]
# ## Keep what you trained
#
# One file contains the weights and the card. `load_agent` reads it, and so do `pdlearn evaluate
# runs/student.safetensors` and the other commands.

# %% tags=["nbval-check-output"]
Path("runs").mkdir(exist_ok=True)
pdlearn.save_agent("runs/student.safetensors", student)
again = pdlearn.load_agent("runs/student.safetensors", "pong")
loss = again.card["made"]["config"]["loss"]
print(again.card["size"], loss, pdlearn.parameter_count(again.network))

# %% [markdown]
# ## Quiz
#
# 1. Who acts while a recording is made?
#    <details><summary>Answer</summary>Always the teacher.</details>
# 2. Why with 5 % random actions?
#    <details><summary>Answer</summary>They lead to states that the teacher's own play avoids. A student
#    makes mistakes, gets into those states, and should have learnt the right action there.</details>
# 3. Agreement is 0.5 after learning. Is that bad?
#    <details><summary>Answer</summary>Not in Pong: in most states the choice makes no difference, and
#    FIRE has an effect only when the paddle meets the ball. The score shows how well the student
#    plays.</details>
# 4. The loss on recorded states is far below the loss on unseen games. What would help?
#    <details><summary>Answer</summary>More recorded play. More updates on the same play would make the
#    gap larger.</details>
# 5. A student's loss equals the constant policy's. What has it learnt?
#    <details><summary>Answer</summary>How often its teacher takes each action, but not in which
#    states.</details>

# %% [markdown]
# ## Key points
#
# - Distillation has three steps: record the teacher, learn minibatches of (state, Q-values), evaluate by
#   playing.
# - A useful student has a lower loss than the best constant policy.
# - The variety shows a collapse; states of unseen games show overfitting.
#
# The paper: section 3 and appendix A. It records 500 hours and alternates an hour of play with 10,000
# minibatches; `docs/differences.md` lists our differences.
