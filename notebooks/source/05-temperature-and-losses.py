# ---
# jupyter:
#   pdlearn:
#     minutes: 45
#     level: middle
#     prerequisites: ['00']
#     objectives:
#     - write the three losses of the paper by hand and say what each one teaches
#     - say what a temperature does to a target, and why a small one is needed here
#     - recognise mistakes of published code by their effect on a student
# ---

# %% [markdown]
# # 05 · Soften or sharpen: temperature and the three losses
#
# A teacher gives a Q-value for each action. What should a student learn from them? The paper tries three
# losses: match the values ([MSE](glossary.md#mse)), the best action ([NLL](glossary.md#nll)), or a
# [policy](glossary.md#policy) computed from the values ([KL](glossary.md#kl-divergence)) with a
# [temperature](glossary.md#temperature). Here you write all three, test them on real states of Pong, and
# break one.

# %%
import numpy as np
import torch
from torch.nn import functional as F

import pdlearn
from pdlearn.exercises import (
    check_choice,
    check_kl_loss,
    check_mse_loss,
    check_nll_loss,
    check_prediction,
    check_teacher_policy,
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
from pdlearn.losses import kl_loss, mse_loss, nll_loss, teacher_policy

# %% [markdown]
# ## How close are the teacher's values?
#
# Half an hour of the Pong teacher's play ships with the package. We sample some states and compute the
# *gap*, the difference between the values of the best and the second-best action, in points.

# %% tags=["nbval-check-output"]
memory = pdlearn.zoo.recording("pong")
states = memory.sample_states(2048, torch.Generator().manual_seed(0))
teacher_q = states.teacher_q  # [B, A]
ranked = teacher_q.sort(dim=1, descending=True).values
gap = ranked[:, 0] - ranked[:, 1]  # [B]
decisive = gap > 0.1
share = decisive.float().mean()
print(f"median gap {gap.median():.3f}; above 0.1 in {share:.1%} of the states")
print(f"the best value varies by {ranked[:, 0].std():.2f} from state to state")

# %%
bins = np.logspace(-4, 0.5, 60)
show(
    pictures.histogram(
        {"teacher": gap.clamp(min=1e-4).tolist()},
        "gap between best and second-best action, points",
        "states",
        bins=bins,
        levels={"decisive above": 0.1},
    ),
    "Most gaps are a few thousandths of a point; a thin tail reaches beyond a "
    "tenth.",
)

# %% [markdown]
# In most states the next action hardly matters: the ball is far away, and FIRE has an effect only when
# the paddle meets it. In a few states it decides the point. The field calls this difference the [action
# gap](glossary.md#action-gap). We call states with a gap above 0.1 *decisive*; they are right of the
# dotted line.
#
# ## Exercise 1 · The target
#
# A [softmax](glossary.md#softmax) depends only on differences, which are very small here. So the values
# are divided by a temperature first:
#
# $$\texttt{target} = \operatorname{softmax}(\texttt{teacher\_q} \,/\, \texttt{temperature}).$$


# %%
def target_by_hand(teacher_q, temperature):
    """Return the target [B, A] for values [B, A]."""
    ### BEGIN SOLUTION
    return torch.softmax(teacher_q / temperature, dim=1)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_teacher_policy(target_by_hand)

# %% [markdown]
# ## One state, all temperatures
#
# Move the slider, which begins at the paper's temperature. Below are a student's outputs beside the
# target of each loss.

# %%
moment = int((gap - 0.05).abs().argmin())  # a state with a middling gap
pdlearn.widgets.temperature(
    "pong/teacher", states.observation[moment], student="pong/net3"
)

# %% [markdown]
# Look at KL's bars. Towards the left, at high temperatures, they become equal; towards the right the
# best action gets all probability, and the [entropy](glossary.md#entropy) goes to 0. Distillation of
# classifiers uses high temperatures, because their outputs are nearly one-hot: it softens them to show
# the [dark knowledge](glossary.md#dark-knowledge) in the small probabilities (Hinton et al. 2015).
# Q-values need low temperatures, because they are close. In Hinton's loss T divides teacher *and*
# student, and a factor T² restores the length of the gradients. Here it divides the teacher's values
# only, so there is no such factor.
#
# ## Exercise 2 · How sharp is a target at temperature 1?
#
# Pong has six actions here, so a uniform policy gives each 16.7 %. At temperature 1, what percentage
# does the target give to the best action, on average over our states?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
# Measured: differences of 0.01 hardly change a softmax at temperature 1.
my_guess = 18
### END SOLUTION
measured = (
    100
    * teacher_policy(teacher_q, temperature=1).max(dim=1).values.mean().item()
)
check_prediction(my_guess, measured, near=3, unit=" %")

# %%
temperatures = np.logspace(-3.5, 1, 40)
sure = [teacher_policy(teacher_q, t).max(1).values for t in temperatures]
means = {
    "teacher, all states": (temperatures, [s.mean() for s in sure]),
    "decisive states": (temperatures, [s[decisive].mean() for s in sure]),
}
best = "probability of the best action"
show(
    pictures.lines(
        means, "temperature", best, log=True, levels={"uniform": 1 / 6}
    ),
    "Both lines fall from near 1 to a sixth as the temperature rises; the one "
    "of decisive states stays high for longer, so that there is a range in "
    "which only their targets are sharp.",
)

# %% [markdown]
# At temperature 1 the target is nearly uniform, even in decisive states. Near 0 it contains one action
# only, also in states where the values are nearly equal. Between 0.01 and 0.1 it is sharp in decisive
# states and nearly uniform in the others.
#
# ## Three losses
#
# $$\texttt{nll} = -\log \operatorname{softmax}(\texttt{student})_{\,\arg\max\, \texttt{teacher\_q}}
# \qquad
# \texttt{mse} = \sum_a (\texttt{student}_a - \texttt{teacher\_q}_a)^2$$
#
# $$\texttt{kl} = \sum_a \texttt{target}_a \,\bigl(\log \texttt{target}_a - \log
# \operatorname{softmax}(\texttt{student})_a\bigr)$$
#
# MSE and KL are sums over actions, NLL has the term of the best action alone. Each loss is the mean over
# the minibatch. The temperature is only in `target`. NLL on an expert's states is [behaviour
# cloning](glossary.md#behaviour-cloning).
#
# KL is not symmetric. The paper's is the *forward* KL, weighted by the target. Its reverse,
#
# $$D_{KL}(\texttt{student} \,\|\, \texttt{target}) = \sum_a \texttt{student}_a \,\bigl(\log
# \texttt{student}_a - \log \texttt{target}_a\bigr),$$
#
# is weighted by the student's own policy, written $\texttt{student}$ here: it costs nothing to leave out
# an action that the teacher takes too, as long as what the student does is likely for the teacher.
# `DistillConfig(loss="reverse_kl")` learns by it.
#
# ## Exercise 3 · NLL and MSE
#
# Each needs one or two lines. `torch.log_softmax` is numerically safer than the logarithm of a softmax.


# %%
def nll_by_hand(student_logits, teacher_q):
    """Return the loss, a scalar, for tensors [B, A]."""
    ### BEGIN SOLUTION
    best = teacher_q.argmax(dim=1, keepdim=True)  # [B, 1]
    return -torch.log_softmax(student_logits, dim=1).gather(1, best).mean()
    ### END SOLUTION


def mse_by_hand(student_q, teacher_q):
    """Return the loss, a scalar, for tensors [B, A]."""
    ### BEGIN SOLUTION
    return (student_q - teacher_q.detach()).square().sum(dim=1).mean()
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_nll_loss(nll_by_hand)

# %% tags=["nbval-check-output"]
check_mse_loss(mse_by_hand)

# %% [markdown]
# ## Exercise 4 · KL
#
# Published code is often wrong here; the check recognises more than ten common mistakes. The teacher
# must get no gradient: `.detach()`.


# %%
def kl_by_hand(student_logits, teacher_q, temperature):
    """Return the loss, a scalar, for tensors [B, A]."""
    ### BEGIN SOLUTION
    log_target = torch.log_softmax(teacher_q.detach() / temperature, dim=1)
    log_student = torch.log_softmax(student_logits, dim=1)
    return (log_target.exp() * (log_target - log_student)).sum(dim=1).mean()
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_kl_loss(kl_by_hand)

# %% [markdown]
# From here on we use the package's losses, which yours agree with.
#
# ## Temperature towards 0
#
# As the temperature goes to 0, the target of KL becomes the best action alone, and KL becomes NLL:

# %% tags=["nbval-check-output"]
logits = torch.randn(2048, 6, generator=torch.Generator().manual_seed(1))
for temperature in (1, 0.01, 1e-4, 1e-6):
    loss = kl_loss(logits, teacher_q, temperature)
    print(f"KL at {temperature:7g}: {loss:.4f}")
print(f"NLL:           {nll_loss(logits, teacher_q):.4f}")

# %% [markdown]
# So NLL is the limit of KL at temperature 0.
#
# ## Exercise 5 · MSE and KL of two students
#
# Two students. `flat` gives all actions of a state their mean value, so it cannot choose. `shifted`
# gives the teacher's values plus 0.2, so it chooses perfectly. Which one has the lower MSE, and which
# one the lower KL? Answer with the two names, as in `("flat", "flat")`.

# %%
flat = teacher_q.mean(dim=1, keepdim=True).expand_as(teacher_q)
shifted = teacher_q + 0.2
losses_of = {
    name: {
        "MSE": mse_loss(student, teacher_q).item(),
        "KL at 0.03": kl_loss(student / 0.03, teacher_q, 0.03).item(),
    }
    for name, student in (("flat", flat), ("shifted", shifted))
}

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
liked = ("flat", "shifted")
### END SOLUTION
check_choice("MSE and KL of two students", liked)

# %%
table(losses_of, of="student")

# %% [markdown]
# (For KL, a student's outputs are [logits](glossary.md#logit), so we give it values divided by 0.03. The
# KL of `shifted` is 0, except for rounding.) MSE is small for a student that cannot play. This is the
# paper's reason why MSE is worst: choices depend on differences that hardly contribute to it.
#
# ## Break it
#
# A serious mistake in published code: PyTorch's `F.kl_div` takes *logarithms* of the student's
# probabilities but was given probabilities. We train four students on the same states and compare their
# choices with those of a blind player that always takes the action which is best most often (the
# majority baseline of classification).


# %%
def probabilities_for_logarithms(student_logits, teacher_q):
    student = torch.softmax(student_logits, 1)
    target = teacher_policy(teacher_q, 0.03)
    return F.kl_div(student, target, reduction="batchmean")  # wrong on purpose


recipes = {
    "KL at 0.03": lambda student, q: kl_loss(student, q, 0.03),
    "NLL": nll_loss,
    "MSE": mse_loss,
    "broken KL": probabilities_for_logarithms,
}


# %%
def learn(loss_function):
    """Distil a new net3; return its outputs before and after."""
    seeded = torch.Generator().manual_seed(0)
    student = pdlearn.QNetwork(6, "net3", generator=seeded)
    before = student(states.observation).detach()
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(1)
    for _ in range(by_budget(smoke=20, fast=1_000)):
        batch = memory.sample_states(64, generator)
        loss = loss_function(student(batch.observation), batch.teacher_q)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return before, student(states.observation).detach()


# %%
rows = {}
for name, loss_function in recipes.items():
    before, after = learn(loss_function)
    rows[name] = measures.choice_row(after.argmax(1), teacher_q)
    rows[name]["loss before"] = loss_function(before, teacher_q).item()
    rows[name]["after"] = loss_function(after, teacher_q).item()
best_action = teacher_q.argmax(1)
blind = best_action.mode().values.expand_as(best_action)
rows["blind"] = measures.choice_row(blind, teacher_q)
rows["blind"] |= {"loss before": "", "after": ""}
table(rows, of="student")

# %% [markdown]
# All four losses fell, also that of the broken student. (It is below 0, which is impossible for a KL
# divergence.) But this student has [collapsed](glossary.md#collapse): it takes one action in every
# state. Without the logarithm there is no gradient for an action whose probability has reached 0. KL has
# begun to distinguish states. NLL still takes the most frequent action everywhere, as the blind player
# does: its target names one action even where the values are nearly equal, so it needs more updates.
# (After longer training it plays well, as `docs/results.md` shows.) MSE has reduced its loss most, but
# over all states it agrees no more often than the blind player: it has learnt the values of states, and
# at most the large gaps. The column of decisive states is less certain: they are only about 4 % of 2,048,
# and the one action of the broken student is the best in two thirds of them.
#
# ## Exercise 6 · Name the mistake
#
# A loss is `nan` after a few updates. The code computes `softmax(q / 0.01).log()`, with teacher *and*
# student divided by the temperature. Which change is the right one: `"log_softmax"`, `"smaller learning
# rate"` or `"clamp"`?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
cure = "log_softmax"
### END SOLUTION
check_choice("Name the mistake", cure)

# %% tags=["nbval-check-output"]
student = torch.tensor([[0.0, 2.0, -1.0]])  # outputs a few points apart
print("softmax, then log:", (student / 0.01).softmax(1).log().tolist())
print("log_softmax:      ", (student / 0.01).log_softmax(1).tolist())

# %% [markdown]
# ## Longer runs
#
# The next figure shows results of longer runs, from `recipes.csv` and `temperature.csv` of
# `docs/results`. All are students of Pong's teacher with KL, trained on 10,000 minibatches of 64 and
# evaluated over 30 games each. They differ in temperature and recipe. Grey ones learnt from an hour of
# play, with two seeds (0.03: one); orange ones from two hours, with three times the learning rate. A bar
# is a 95 % [interval](glossary.md#interval).

# %%
first = results(
    "recipes", game="pong", teacher_steps="54000", learning_rate="0.001"
)
later = results("temperature", game="pong")
groups = {"an hour of play": first, "two hours, higher rate": later}
show(
    drawings.temperature_scores(groups, float(first[0]["teacher_mean"])),
    "Scores of students of the Pong teacher (dotted). After an hour of play "
    "they differ widely, from temperature to temperature and from seed to "
    "seed; with the better recipe all come near it.",
)

# %% [markdown]
# Students at temperature 1 play well too, although their targets are nearly uniform. The order of the
# target's actions is the teacher's at any temperature. A student that reproduces the target closely
# enough therefore has the same best action, and an agent plays its best action. At temperature 1 it must
# learn much smaller differences, which needs more play and more updates.
#
# With little play and a sharp target, scores vary widely between seeds and, as the long bars show,
# between games. With more play and a higher learning rate every temperature works: the effect of one
# setting depends on the others. The paper, which trains on 500 hours of play, chose 0.01.
#
# ## Quiz
#
# 1. What does the temperature divide?
#    <details><summary>Answer</summary>The teacher's Q-values, and nothing else.</details>
# 2. Which of the three losses keeps the student's outputs Q-values?
#    <details><summary>Answer</summary>MSE. KL and NLL leave the outputs free up to a number added to
#    all of them.</details>
# 3. What does KL use that NLL ignores?
#    <details><summary>Answer</summary>The sizes of the gaps. NLL treats a gap of a thousandth like a gap
#    of a point.</details>
# 4. The mean over actions instead of the sum: what changes?
#    <details><summary>Answer</summary>The loss is divided by the number of actions, which differs
#    between games: settings found in one game no longer fit another.</details>
# 5. A loss fell from -1.68 to -1.70. What is suspicious?
#    <details><summary>Answer</summary>A KL divergence is never negative. Probabilities were passed
#    instead of logarithms.</details>

# %% [markdown]
# ## Key points
#
# - Q-values of one state are close; dividing by a small temperature gives a clear preference.
# - MSE teaches values, NLL the best action, KL the policy; KL becomes NLL when the temperature goes to 0.
# - Sum over actions, mean over states, `log_softmax`, temperature on the teacher alone, no gradient to it.
# - A falling loss proves nothing: look at the student's choices.
#
# The paper: section 3 has the losses, section 4 and table 1 compare them, figure 1 shows close Q-values.
