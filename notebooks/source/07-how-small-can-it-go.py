# ---
# jupyter:
#   pdlearn:
#     minutes: 45
#     level: middle
#     prerequisites: ['04', '06']
#     objectives:
#     - choose how small a student may be, and say what is lost first
#     - count a network's parameters and multiplications by hand, and say why they differ
#     - distinguish the cost of a size from that of a bad recipe or an unlucky seed
# ---

# %% [markdown]
# # 07 · How small can it go
#
# A [student](glossary.md#student) can be smaller than its [teacher](glossary.md#teacher), because it
# does not have to discover how to play. How much smaller? Here you compute the cost of each size, train
# a student with one hundredth of its teacher's [parameters](glossary.md#parameter), and measure what is
# lost first.

# %%
import numpy as np
import torch

import pdlearn
from pdlearn.distill import unseen_states
from pdlearn.exercises import (
    check_difference,
    check_given_away,
    check_multiplications,
    check_parameter_count,
    check_prediction,
    check_share,
)
from pdlearn.exercises.sizes import layers, multiplications
from pdlearn.experiments import curve_tables
from pdlearn.experiments.comparable import comparable
from pdlearn.games import GAMES
from pdlearn.lessons import (
    by_budget,
    drawings,
    measures,
    pictures,
    results,
    show,
    table,
)
from pdlearn.losses import kl_loss, regret, teacher_policy
from pdlearn.networks import SIZES
from pdlearn.paper import TABLE_B1, TABLE_B1_MEAN
from pdlearn.statistics import geometric_mean, share_of_the_way
from pdlearn.widgets import watch

# %% [markdown]
# ## Exercise 1 · Count the parameters
#
# All networks here have the same five layers and differ in their *widths* alone, as in `Size(conv1=16,
# conv2=16, conv3=16, fc1=64)`. An output of a convolution has as inputs a square of every channel of the
# layer before, 8 × 8 of the four frames in `conv1`, then 4 × 4, then 3 × 3. After the convolutions each
# channel has 7 × 7 places; all of them are inputs of `fc1`, whose outputs are the inputs of `out`. An
# output has one weight for each input, and one bias.


# %%
def parameters_by_hand(widths, num_actions):
    """Return the number of parameters of a network with `widths`."""
    ### BEGIN SOLUTION
    conv1 = (4 * 8 * 8 + 1) * widths.conv1
    conv2 = (widths.conv1 * 4 * 4 + 1) * widths.conv2
    conv3 = (widths.conv2 * 3 * 3 + 1) * widths.conv3
    fc1 = (widths.conv3 * 7 * 7 + 1) * widths.fc1
    return conv1 + conv2 + conv3 + fc1 + (widths.fc1 + 1) * num_actions
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_parameter_count(parameters_by_hand)

# %% [markdown]
# ## Exercise 2 · Count the multiplications
#
# A convolution uses its weights at every place: those of `conv1` at 20 × 20 places, of `conv2` at 9 × 9,
# of `conv3` at 7 × 7. How many multiplications with a weight does one decision need?


# %%
def multiplications_by_hand(widths, num_actions):
    """Return the multiplications of one decision; adding a bias is none."""
    ### BEGIN SOLUTION
    conv1 = 4 * 8 * 8 * widths.conv1 * 20 * 20
    conv2 = widths.conv1 * 4 * 4 * widths.conv2 * 9 * 9
    conv3 = widths.conv2 * 3 * 3 * widths.conv3 * 7 * 7
    fc1 = widths.conv3 * 7 * 7 * widths.fc1
    return conv1 + conv2 + conv3 + fc1 + widths.fc1 * num_actions
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_multiplications(multiplications_by_hand)

# %% [markdown]
# ## The cost of a size

# %%
costs = {}
for size, widths in SIZES.items():
    count = pdlearn.parameter_count(pdlearn.QNetwork(6, size))
    costs[size] = {
        "parameters": f"{count:,}",
        "million multiplications": f"{multiplications(widths, 6) / 1e6:.2f}",
    }
table(costs, of="size")

# %%
show(
    drawings.layer_shares({size: layers(w, 6) for size, w in SIZES.items()}),
    "Where a network has its parameters and where it has its work: nearly all "
    "parameters of the teacher are in fc1, but most multiplications are in "
    "the convolutions.",
)

# %% [markdown]
# Parameters need memory, multiplications need time, and they are in different layers. A smaller `fc1`
# gives a smaller file, not a much faster network: `net3` saves a far larger share of the parameters than
# of the multiplications. The shipped files hold two bytes for each parameter.
#
# ## The price of a decision
#
# What does a smaller network save where it is used? `docs/results` has the times of one decision on one
# thread, from four frames to the best action: with torch, and as the graph that `pdlearn export --onnx`
# writes. The weights are float32; the activations are the frames and the first layer's outputs.
# `pdlearn bench --decisions FILE` measures your machine.

# %%
prices = results("decisions")
table(measures.prices(prices), of="network")

# %%
show(
    drawings.prices(prices),
    "Milliseconds of one decision over the parameters. The teacher and multi3 "
    "need about 1 ms with torch, multi10 more than 2, net1 less than 0.4 and "
    "net5 nearly 0.3; the exported graphs need less than half, multi10 more.",
)

# %% [markdown]
# From the teacher to `net1` the time falls by more than half. From `net2` to `net5` the parameters fall
# by a factor of over twenty, and the time hardly: calling five layers and converting the frames costs the
# same for every size, and the activations of the first layer need more memory than the weights of `net4`.
# The exported graph has less of this overhead. `multi3` costs a decision about as much as the teacher of
# one game. The weights of `multi10` are read from memory for each decision, so its time grows faster than
# its multiplications.
#
# ## Scores by size in the paper
#
# The paper trained students of three sizes on ten games each. Its table B1 is in percent of a DQN's
# score (with other teachers and starts than ours, and without intervals). What share of the score of
# `net1`, its largest student, does `net3`, its smallest, keep?

# %%
kept = {
    GAMES[game].title: row["net3"] / row["net1"]
    for game, row in TABLE_B1.items()
}
ordered = dict(sorted(kept.items(), key=lambda item: item[1]))
show(
    pictures.ranking(ordered, "score of net3 : score of net1", level=1),
    "Space Invaders keeps about a quarter from net1 to net3, River Raid and "
    "Breakout three quarters, Freeway, Seaquest, Pong and Ms. Pacman nearly "
    "all.",
)
for size, mean in TABLE_B1_MEAN.items():
    print(
        f"{size}: {mean:.1f} % of the DQN's score, geometric mean of ten games"
    )

# %% [markdown]
# Most of the loss is in one game. The smallest sufficient size differs between games.
#
# ## One percent of the parameters
#
# We train `net4` on the half hour of the Pong teacher's play that ships with the package. A first try,
# with Adam's learning rate at 0.01 from the first [minibatch](glossary.md#minibatch) on:

# %%
teacher = pdlearn.zoo.load("pong/teacher")
net3 = pdlearn.zoo.load("pong/net3")
memory = pdlearn.zoo.recording("pong")
seeded = torch.Generator().manual_seed(1)
unseen = unseen_states(teacher, 0.05, seeded, seed=1)
states = unseen.sample_states(2_048, torch.Generator().manual_seed(2))

# %%
hasty = pdlearn.QNetwork(6, "net4", generator=torch.Generator().manual_seed(0))
optimizer = torch.optim.Adam(hasty.parameters(), lr=0.01)
generator = torch.Generator().manual_seed(0)
hasty_losses = []
for _ in range(by_budget(smoke=20, fast=500)):
    batch = memory.sample_states(64, generator)
    loss = kl_loss(hasty(batch.observation), batch.teacher_q, 0.03)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    hasty_losses.append(loss.item())

# %%
seen = memory.sample_states(2_048, torch.Generator().manual_seed(3))
with torch.no_grad():
    answers = torch.softmax(hasty(seen.observation), 1)
    awake = (hasty.features(seen.observation) > 0).any(0)
target = teacher_policy(seen.teacher_q, 0.03)
blind_loss = measures.marginal_loss(seen.teacher_q, 0.03)
hasty_loss = np.mean(hasty_losses[-200:])
print(f"loss {hasty_loss:.3f}; of the best constant policy {blind_loss:.3f}")
print(f"variety {answers.std(0).mean():.6f}")
print(f"the teacher's variety {target.std(0).mean():.6f}")
print(f"{awake.sum()} of {len(awake)} units of fc1 are active in some state")

# %% [markdown]
# Is it too small to learn Pong? No: a variety of 0 means that it has [collapsed](glossary.md#collapse),
# as in lesson 06. Large first updates have made most of its hidden units inactive. A recipe that works
# for one size may fail for another, or for another seed: check this first when you compare sizes. We use
# a tenth of the learning rate, which in `Distillation` rises slowly at first (warm-up) and then falls to
# the end:

# %%
config = pdlearn.DistillConfig(
    size="net4",
    learning_rate=0.001,
    hours=1,
    updates_per_hour=by_budget(smoke=60, fast=6_000, full=10_000),
)
run = pdlearn.Distillation(teacher, config, recording=memory, seed=0)
rows = []
async for row in watch(run):
    rows.append(row)
net4 = run.agent()

# %%
means = np.convolve(hasty_losses, np.ones(100) / 100, "valid")
first_try = [{"updates": 100 + n, "loss": mean} for n, mean in enumerate(means)]
runs = {"student": rows, "first try": first_try}
show(
    pictures.curves(runs, ["loss", "agreement"], level=blind_loss),
    "The first try (a mean of 100) stays at the constant policy's loss "
    "(dotted); with the lower rate the loss falls far below it, and agreement "
    "rises.",
)

# %% [markdown]
# ## Exercise 3 · The score of net4
#
# The teacher's mean score is `teacher.score["mean"]`; a random player ends at -20 or -21. What
# will this `net4` score, on average?

# %%
### BEGIN SOLUTION
# Measured: well below its teacher, with a hundredth of its weights.
my_guess = 12
### END SOLUTION
result = pdlearn.evaluate(
    net4, pdlearn.EvalConfig(episodes=by_budget(smoke=1, fast=10, full=30))
)
check_prediction(my_guess, result.mean, near=4)

# %%
print("its games: ", *(f"{score:.0f}" for score in sorted(result.scores)))
pdlearn.widgets.compare(
    {"teacher": teacher, "net3": net3, "net4": net4},
    agent_steps=by_budget(smoke=60, fast=450),
)

# %% [markdown]
# ## Exercise 4 · Regret
#
# What is lost first? [Agreement](glossary.md#agreement) counts all states alike. A weighted measure is
# the [regret](glossary.md#regret) of a decision by the teacher's values, in points:
#
# $$\texttt{regret} = \max_a \texttt{teacher\_q}_a - \texttt{teacher\_q}_{\,\arg\max\,
# \texttt{student\_output}}$$
#
# Return one number for each state.


# %%
def given_away_by_hand(student_output, teacher_q):
    """Return the points given away, `[B]`, for tensors [B, A]."""
    ### BEGIN SOLUTION
    chosen = teacher_q.gather(
        1, student_output.argmax(1, keepdim=True)
    ).squeeze(1)
    return teacher_q.max(1).values - chosen
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_given_away(given_away_by_hand)

# %%
students = {"net3": net3.network, "net4": net4.network, "collapsed": hasty}
weighed = {}
for name, network in students.items():
    output = network(states.observation).detach()
    lost = regret(output, states.teacher_q)
    worst = lost.sort(descending=True).values[: len(lost) // 20]
    share = worst.sum() / lost.sum().clamp_min(1e-9)
    weighed[name] = measures.agreement(output, states.teacher_q)
    weighed[name]["points lost in 100 decisions"] = 100 * lost.mean().item()
    weighed[name]["in the worst 5 %"] = f"{share:.0%}"
table(weighed, of="student")

# %% [markdown]
# The smaller student disagrees more often, but mostly in states where it costs little: it still agrees
# in most decisive states. The regret is not spread evenly: a twentieth of the states contains a large
# part of it, the rare states in which the paddle decides a point. How much of its score a smaller student
# loses depends on how often such states occur in a game.
#
# ## How fast each size learns
#
# The final scores of several sizes can be equal. Their curves need not be. These are net1 to net5 in
# Q*bert, evaluated at five points of one distillation each (`docs/results/learning-curves.csv`, longer
# runs, one seed, thirty episodes a point).

# %%
show(
    curve_tables.picture(results("learning-curves")),
    "Score and regret of five sizes over the updates, from 1,000 to 20,000; "
    "dotted is the teacher's score.",
)

# %% [markdown]
# After 20,000 updates the intervals of net1 to net4 all contain the teacher's score: a hundredth of the
# weights is enough for it. What a smaller size costs here is *updates*. After 2,500, net1 is close to its
# teacher, net3 is not half-way, and net4 has hardly begun. Only net5 is still short at the end, and it is
# still rising. So "this size fails" can mean "this size was stopped too early". Score and regret do not
# fall and rise together point by point: each point is thirty episodes of one seed.
#
# ## What a decision depends on
#
# An agent's [saliency](glossary.md#saliency) (Greydanus et al. 2018) is the change of its outputs when a
# small part of the picture is blurred. Bright places change them most. The widget shows the eight states
# with the largest gaps of the teacher. Move the slider: do the outputs of both depend on the ball, and
# on the same paddle?

# %%
moments = measures.action_gap(states.teacher_q).topk(8).indices
pdlearn.widgets.saliency(teacher, states.observation[moments], student=net4)

# %% [markdown]
# ## Exercise 5 · Percent of what?
#
# Pong's scores run from -21 to 21, and 0 is a draw. In percent of the teacher's score a draw is 0 %, and
# a narrow loss is below 0. Write the [share of the way](glossary.md#share-of-the-way) from random play
# to the teacher.


# %%
def share_by_hand(score, random, teacher):
    """Return 0 for random play's mean score, 1 for the teacher's."""
    ### BEGIN SOLUTION
    return (score - random) / (teacher - random)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_share(share_by_hand)

# %% tags=["nbval-check-output"]
full, random = teacher.score["mean"], GAMES["pong"].random
for score in (15, 5, 0, -5, -15):
    way = share_of_the_way(score, random, full)
    print(f"score {score:3d}: {score / full:4.0%} of it, {way:3.0%} of the way")
for failed in (0.5, 0.1, 0.001):
    mean = geometric_mean([1, failed])
    print(f"two games at 1 and {failed:g}: geometric mean {mean:.2f}")
try:
    geometric_mean([1, -0.27])
except ValueError as error:
    print(f"two games at 1 and -0.27: {error}")

# %% [markdown]
# A [geometric mean](glossary.md#geometric-mean) over games (lesson 04) is not defined for scores of 0 or
# below, and a game near 0 makes it very small. Leaving that game out would hide the worst failure.
# Report the mean *and* every game.
#
# ## Longer runs
#
# The rest is read from `docs/results`: students that learnt longer from more of the shipped teachers'
# play and were evaluated over 30 games or more (`pdlearn reproduce compression` and `smaller`). Where a
# size has two dots, one is from the experiment and one is another evaluation of the shipped file.


# %%
shipped = results("teachers") + results("students")
found = {"shipped file": shipped}
for name in ("compression", "smaller"):
    found[name] = comparable(results(name))[0]  # rows of today's teachers
show(
    drawings.scores_by_size(found),
    "Each game's students by their parameters, and their teacher, from random "
    "play at 0 to the teacher at 1 (both dotted), with the 95 % interval over "
    "games.",
)

# %% [markdown]
# ## Exercise 6 · Effect or noise?
#
# Two agents were evaluated, each result is (mean, low, high). What is the interval of the difference of
# their means? Half an interval's width is its error; independent errors add as squares.


# %%
def difference_by_hand(a, b):
    """Return (low, high) of a's mean minus b's; both are (mean, low, high)."""
    ### BEGIN SOLUTION
    a_half, b_half = (a[2] - a[1]) / 2, (b[2] - b[1]) / 2
    half = (a_half**2 + b_half**2) ** 0.5
    return a[0] - b[0] - half, a[0] - b[0] + half
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_difference(difference_by_hand)

# %%
pairs = measures.neighbours([row for rows in found.values() for row in rows])
pairs += measures.two_seeds(results("recipes", game="pong"))
table(pairs)

# %% [markdown]
# Look at the rows of two seeds first. They have the same size, recipe and teacher, and differ only in
# the seed. Where such a row says "yes", the difference is larger than chance over games, although the
# sizes are equal: an interval over games does not include the effect of seeds. So a difference between
# two sizes with one seed each is a difference between two networks, not yet between two sizes. This
# needs several seeds (`pdlearn reproduce compression --seeds 0 1 2`), or a loss much larger than the
# differences between seeds.

# %% [markdown]
# ## Quiz
#
# 1. You halve `fc1` and keep the convolutions. What becomes smaller, and what hardly changes?
#    <details><summary>Answer</summary>The number of parameters is nearly halved. The multiplications and
#    the time hardly change, because most work is in the convolutions.</details>
# 2. A very small student scores -21. What do you check before you call it too small?
#    <details><summary>Answer</summary>Its variety. If it is 0, the student has collapsed, which says
#    nothing about its size; a lower learning rate may prevent it.</details>
# 3. Agreement falls from 60 % to 45 %, and the score hardly. How can that be?
#    <details><summary>Answer</summary>It fell in states where the choice makes little difference. The
#    regret, or agreement in decisive states, shows this.</details>
# 4. Nine games are at 100 %, one is at 1 %. What is the geometric mean, roughly?
#    <details><summary>Answer</summary>The tenth root of 0.01: 63 %. At 0 % it would be 0, and below it
#    there is none.</details>
# 5. Size A scores 17.0 [16.5, 17.5], size B 15.5 [15.0, 16.0], one seed each. Is A better than B?
#    <details><summary>Answer</summary>These two networks differ by more than chance. One seed each does
#    not show whether the sizes do.</details>

# %% [markdown]
# ## Key points
#
# - Most parameters are in `fc1`, most work is in the convolutions; a small file is not always fast.
# - What a smaller student loses depends on the game. Agreement is lost first where it costs little.
# - Check for a collapse before you conclude that a size is too small: a recipe may work for one size and
#   fail for another.
# - Use the share of the way where scores may be negative; report the mean over games and each game.
# - Intervals over games do not include the effect of seeds.
#
# The paper: section 4, figure 3 and table B1; table A1 has the sizes. `net4` and `net5` are ours.
