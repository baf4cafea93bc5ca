# ---
# jupyter:
#   pdlearn:
#     minutes: 40
#     level: middle
#     prerequisites: ['00', '05']
#     objectives:
#     - record a teacher's play, distil it into a small network and judge the student
#     - read a learning curve against the loss of a student that does not look
#     - recognise a student that has collapsed, and one that learnt its recording by heart
# ---

# %% [markdown]
# # 06 · Distil one game
#
# The whole of single-game [distillation](glossary.md#distillation), on Pong: a
# [teacher](glossary.md#teacher) plays and is recorded, a [student](glossary.md#student) 28 times smaller
# learns from the recording, and both are judged by playing.
#
# ```
# teacher ──plays──▶ replay memory: (state, Q-values) ──minibatches──▶ student ──plays──▶ score
# ```

# %%
from dataclasses import replace
from pathlib import Path

import torch

import pdlearn
from pdlearn.distill import StudentLearner
from pdlearn.exercises import check_agreement, check_choice, check_prediction, check_variety
from pdlearn.lessons import by_budget, pictures, results, show, table
from pdlearn.losses import kl_loss, teacher_policy
from pdlearn.widgets import watch

teacher = pdlearn.zoo.load("pong/teacher")
names = teacher.actions

# %% [markdown]
# ## Exercise 1 · How large is an hour?
#
# The paper counts play in hours. An agent acts on every fourth of 60 [frames](glossary.md#frame) a
# second: 54,000 steps an hour. A state is the last four frames it acted on, so each of them is in four
# states, and the [replay memory](glossary.md#replay-memory) keeps it once: 84 × 84 bytes. How many
# megabytes does an hour take?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
my_guess = 400
### END SOLUTION
check_prediction(my_guess, 54_000 * 84 * 84 / 1e6, near=25, unit=" MB")

# %% [markdown]
# ## Record
#
# The teacher plays 16 games side by side, and takes 5 % of its actions at random
# ([epsilon](glossary.md#epsilon) 0.05): mistakes lead it to states that a perfect player never meets,
# and a student meets them soon.

# %%
STEPS = by_budget(smoke=1_600, fast=27_000, full=108_000)

memory = pdlearn.collect(teacher, STEPS)
# Games of another purpose are never the same games.
unseen = pdlearn.collect(teacher, by_budget(smoke=1_600, fast=8_000), seed=1, purpose="show")
print(f"{len(memory):,} states to learn from, {len(unseen):,} of other games to look at")

# %% [markdown]
# A [minibatch](glossary.md#minibatch) is drawn at random from the whole recording. Four states of one:

# %%
batch = memory.sample_states(64, torch.Generator().manual_seed(0))
choices = batch.teacher_q.argmax(1)
show(
    pictures.frames(batch.observation[:4, -1], [names[choice] for choice in choices[:4]]),
    "The newest frames of four states from different games, with the action the teacher chose.",
)

# %% [markdown]
# ## What the recording can teach
#
# The target of each state is `softmax(teacher_q / 0.03)`, as in lesson 05. Averaged over states it says
# how often each action is called for. A student that does not look can do no better than to give this
# average in every state. What loss has this [blind answer](glossary.md#blind-answer)?

# %%
TEMPERATURE = 0.03
states = unseen.sample_states(1_024, torch.Generator().manual_seed(1))
target = teacher_policy(states.teacher_q, TEMPERATURE)  # [B, A]
blind = target.mean(0)  # [A], the best answer for somebody who does not look
blind_loss = (target * (target.clamp_min(1e-30).log() - blind.log())).sum(1).mean().item()
print(f"a student that always answers with the average has the loss {blind_loss:.3f}")

# %% [markdown]
# Keep that number in mind. A student whose loss is no lower has learnt how often its teacher moves, and
# nothing of when.
#
# ## Exercise 2 · Agreement
#
# Write the share of states in which student and teacher would choose the same action.


# %%
def agreement_by_hand(student_output, teacher_q):
    """Return the share, a scalar between 0 and 1, for tensors [B, A]."""
    ### BEGIN SOLUTION
    return (student_output.argmax(dim=1) == teacher_q.argmax(dim=1)).float().mean()
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_agreement(agreement_by_hand)

# %% [markdown]
# ## Learn
#
# A `Distillation` gives a row of metrics every 250 updates, and `watch` draws them. It would record by
# itself; we hand it our recording. (Stop ends it early: then the student is what it has become.)

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
figure = pictures.curves({"student": rows}, ["loss", "agreement"])
figure.axes[0].axhline(blind_loss, color="black", ls=":")
show(
    figure,
    "The loss falls below that of the blind answer (dotted); agreement on unseen games rises.",
)

# %% [markdown]
# The dotted line is the blind answer. How often each action is called for the student knows after some
# hundred updates. All that follows, below the line, is when.
#
# ## Seen and unseen
#
# `agreement` is measured on games that the student does not learn from. Does it do better on those it
# learnt?


# %%
@torch.no_grad()
def measured_on(network, memory):
    """Return loss and agreement on 2,048 states of a memory."""
    some = memory.sample_states(2_048, torch.Generator().manual_seed(2))
    output = network(some.observation)
    alike = (output.argmax(1) == some.teacher_q.argmax(1)).float().mean()
    return {"loss": kl_loss(output, some.teacher_q, TEMPERATURE).item(), "agreement": alike.item()}


table(
    [
        {"states": name} | measured_on(student.network, states_of)
        for name, states_of in (("recorded", memory), ("unseen games", unseen))
    ]
)

# %% [markdown]
# A gap between the two rows is [overfitting](glossary.md#overfitting): part of what was learnt is the
# recording, not the game. The loss shows it sooner than the agreement. More play closes the gap; more
# updates on the same play widen it.
#
# ## Exercise 3 · Judge it
#
# Guess the student's mean score before it plays. Its teacher's stands on the card, in
# `teacher.score["mean"]`; a random player loses nearly every point, and ends at -20 or -21.

# %%
### BEGIN SOLUTION
my_guess = 10
### END SOLUTION
episodes = by_budget(smoke=1, fast=10, full=30)
judged = pdlearn.evaluate(student, pdlearn.EvalConfig(episodes=episodes))
check_prediction(my_guess, judged.mean, near=3)

# %%
shipped = pdlearn.zoo.load("pong/net3")
table(
    [
        {"agent": name, "mean": round(mean, 1), "low": round(low, 1), "high": round(high, 1), "games": n}
        for name, mean, low, high, n in [
            ("teacher", *(teacher.score[k] for k in ("mean", "low", "high", "episodes"))),
            ("ours", judged.mean, *judged.interval, judged.episodes),
            ("shipped net3", *(shipped.score[k] for k in ("mean", "low", "high", "episodes"))),
        ]
    ]
)  # fmt: skip

# %% [markdown]
# `low` and `high` are a 95 % interval over games; over few games it is wide. The shipped student has the
# same network and the same loss: it learnt from four times as much play, and twice as long.

# %%
pdlearn.widgets.compare(
    {"teacher": teacher, "ours": student, "net3": shipped},
    agent_steps=by_budget(smoke=60, fast=300),
)

# %% [markdown]
# Now play against what you trained. Hand it your game while a point is open, and see whether it saves
# the ball.

# %%
pdlearn.widgets.play("pong", against=student)

# %% [markdown]
# ## What longer runs say
#
# These rows are read from `recipes.csv` of `docs/results`, students of the same teacher with the same
# temperature: how much play they saw, how long and how fast they learnt, and what they scored over 30
# games.

# %%
longer = [row for row in results("recipes") if float(row["temperature"]) == TEMPERATURE]
table(
    longer, "teacher_steps", "minibatch", "updates", "learning_rate", "seed", "mean", "low", "high"
)

# %% [markdown]
# Rows that differ in one setting have other scores: in the play, in the learning rate. But so have the
# second and the third, and these two differ in their seed alone. One run is an anecdote; lesson 04 is
# about that.
#
# ## Break it
#
# Now the same student with a [learning rate](glossary.md#learning-rate) 30 times too large.

# %%
reckless = replace(config, learning_rate=0.1, updates_per_hour=by_budget(smoke=60, fast=400))
learner = StudentLearner(
    reckless, pdlearn.QNetwork(6, "net3", generator=torch.Generator().manual_seed(0))
)
generator = torch.Generator().manual_seed(3)
reckless_rows = []
while learner.updates < reckless.updates_per_hour:
    loss = learner.update(memory.sample_states(64, generator)).item()
    reckless_rows.append({"updates": learner.updates, "loss": loss})
broken = learner.network
figure = pictures.curves({"student": reckless_rows}, ["loss"])
figure.axes[0].axhline(blind_loss, color="black", ls=":")
show(
    figure, "The loss of each minibatch: it scatters about the blind answer's (dotted) to the end."
)

# %% [markdown]
# Minibatches differ, and so the curve is ragged; on the whole it is flat. Without the dotted line one
# could take it for the curve of a student that has learnt all it can. It has learnt the blind answer.
#
# ## Exercise 4 · Variety
#
# Write the number that tells: the [variety](glossary.md#variety), which is how much policies `[B, A]`
# differ from state to state. It is the standard deviation over *states*, averaged over actions.


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
table([{"policy": name, "variety": p.std(0).mean().item()} for name, p in policies.items()])

# %%
show(
    pictures.bars(names, {"teacher": blind.tolist(), "collapsed": policies["collapsed"][0].tolist()}, "probability"),
    "The collapsed student's answer to one state, beside the teacher's average over all: much alike.",
)  # fmt: skip

# %% [markdown]
# The student has [collapsed](glossary.md#collapse). Its first leaps made its hidden units fall silent;
# only the last layer's biases still learn, and they have learnt the average. It gives this answer to
# every picture.
#
# ## Exercise 5 · How would you have noticed?
#
# Which of these would *not* have given it away: `"the loss has stopped falling"`, `"variety is 0"`,
# `"it loses 21 to 0"`?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
no_proof = "the loss has stopped falling"
### END SOLUTION
check_choice("How would you have noticed?", no_proof)

# %% [markdown]
# ## Keep what you trained
#
# One file holds the weights and the card; `load_agent` reads it again, and so do
# `pdlearn evaluate runs/student.safetensors` and the other commands.

# %% tags=["nbval-check-output"]
Path("runs").mkdir(exist_ok=True)
pdlearn.save_agent("runs/student.safetensors", student)
again = pdlearn.load_agent("runs/student.safetensors", "pong")
print(
    again.card["size"], again.card["made"]["config"]["loss"], pdlearn.parameter_count(again.network)
)

# %% [markdown]
# ## Quiz
#
# 1. Who acts while a recording is made?
#    <details><summary>Answer</summary>The teacher, always. The student only watches.</details>
# 2. Why with 5 % random actions?
#    <details><summary>Answer</summary>They lead into states that the teacher's own play avoids. A
#    student makes mistakes, meets those states, and should have seen what to do there.</details>
# 3. Agreement is 0.5 after learning. Is that bad?
#    <details><summary>Answer</summary>Not in Pong: in most states nothing hangs on the choice, and
#    FIRE does something only as the paddle meets the ball. The score says how good it is.</details>
# 4. The loss on recorded states is far below the loss on unseen games. What would help?
#    <details><summary>Answer</summary>More play to learn from. More updates on the same play would
#    widen the gap.</details>
# 5. A student's loss equals the blind answer's. What has it learnt?
#    <details><summary>Answer</summary>How often its teacher takes each action, and not when.</details>

# %% [markdown]
# ## Key points
#
# - Distillation is three steps: record the teacher, learn minibatches of (state, Q-values), judge by
#   playing.
# - The loss of the best blind answer is the line to beat.
# - A collapsed student is found by its variety, an overfitted one by states of games it never saw.
#
# The paper: section 3 and appendix A. It records 500 hours in turns of an hour's play and 10,000
# minibatches; `docs/differences.md` lists where we do otherwise.
