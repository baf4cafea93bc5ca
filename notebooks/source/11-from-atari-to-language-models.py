# ---
# jupyter:
#   pdlearn:
#     minutes: 50
#     level: deep
#     prerequisites: ['05', '06']
#     objectives:
#     - distil a language model by data, by its teacher's policy and on the student's own text
#     - say what each setting of on-policy distillation is called in this package and in the field
#     - recognise a KL that is none, a KL the wrong way round and a distillation that teaches nothing
# ---

# %% [markdown]
# # 11 · From Atari to language models
#
# A [language model](glossary.md#language-model) is a [policy](glossary.md#policy): its state is the text
# so far, its actions are the [tokens](glossary.md#token) that can come next. Many of today's small ones
# learn from a large one in the states that they reach themselves, which is called [on-policy
# distillation](glossary.md#on-policy-distillation). It is the method of these lessons with other states
# and other actions. Here you distil a small language model by three losses of this package, unchanged.

# %%
from copy import deepcopy

import torch
from torch.nn.functional import one_hot

import pdlearn
from pdlearn.exercises import (
    check_choice,
    check_next_token_loss,
    check_own_text_loss,
    check_prediction,
    check_top_k_kl,
)
from pdlearn.exercises.language import next_token_loss
from pdlearn.exercises.truncating import top_k_kl, truncated_reverse_kl
from pdlearn.lessons import by_budget, language, pictures, show, table
from pdlearn.losses import kl_loss, nll_loss, reverse_kl_loss

# %% [markdown]
# ## One method, two sets of words
#
# | | these lessons | language models |
# | --- | --- | --- |
# | policy | over 3 to 18 actions of a joystick | over a vocabulary of some 100,000 tokens; here 48 |
# | state | four frames | the tokens so far |
# | target | softmax(`teacher_q` / τ), τ far below 1, since values are close | softmax(`teacher_logits` / τ), mostly τ = 1: outputs are logits already |
# | divergence | `loss="kl"` or `"reverse_kl"` | [GKD](glossary.md#gkd)'s β: 0 is the forward KL, 1 the [reverse](glossary.md#reverse-kl) |
# | whose states | `student_share`: the share of steps in which the student acts | GKD's λ: the share of texts that the student writes |
# | best action only | NLL | [sequence-level distillation](glossary.md#sequence-level-distillation): NLL on text that the teacher wrote |
# | several teachers | a game each (lesson 08) | a subject each, such as mathematics and code |
# | stored targets | recordings with the Q-values of all actions | logits of the teacher's likeliest tokens |
#
# Hinton et al. 2015 distilled classifiers, Rusu et al. 2015 policies, Kim and Rush 2016 translation
# models. Gu et al. 2024 (MiniLLM) and Agarwal et al. 2024 (GKD) let the student write. The reason is
# [exposure bias](glossary.md#exposure-bias), the [covariate shift](glossary.md#covariate-shift) of lesson
# 06. Thinking Machines 2025 estimate the reverse KL at each token that the student wrote and use it in
# the place of a reward. In one equation,
#
# $$\texttt{loss} = (1 - \lambda)\; \mathbb{E}_{\texttt{tokens} \sim \texttt{data}}\, [D] \;+\; \lambda\;
# \mathbb{E}_{\texttt{tokens} \sim \texttt{student}}\, [D],$$
#
# where $D$ is the divergence of the two policies, the mean over the tokens of a text. Policy distillation
# as in the paper is λ = 0 with the forward KL; [DAgger](glossary.md#dagger) is a λ above 0.
#
# ## Text
#
# We learn from the words of lessons 00 to 10 and of the glossary. A token is one of 48 characters. Every
# tenth piece of 1,000 characters is held out.

# %%
prose = language.lesson_prose()
learnt, held_out = language.split(prose)  # [T] and [P, 1000]
print(f"{len(learnt):,} tokens to learn from, {held_out.numel():,} held out")
print(language.decode(held_out[0, :70]))

# %% [markdown]
# A text's probability is the product of its tokens', so its logarithm is a sum, and the loss is the mean
# of
#
# $$\texttt{nll}_t = -\log \operatorname{softmax}(\texttt{logits}_t)_{\,\texttt{tokens}_{t+1}}.$$
#
# On given text it estimates the [cross-entropy](glossary.md#cross-entropy) of the model, in nats a token.
# A uniform policy has log 48 = 3.87 nats.
#
# ## Exercise 1 · The next token
#
# The logits at place t are for the token at t + 1. Write the loss, the mean over the minibatch.


# %%
def next_token_by_hand(logits, tokens):
    """Return the loss, a scalar, for logits [B, T, V] and tokens [B, T]."""
    ### BEGIN SOLUTION
    log_policy = torch.log_softmax(logits[:, :-1], dim=2)  # [B, T - 1, V]
    return -log_policy.gather(2, tokens[:, 1:].unsqueeze(2)).mean()
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_next_token_loss(next_token_by_hand)

# %% [markdown]
# This is the paper's NLL with the data in the teacher's place: a teacher that is certain of one action in
# each state. The package's loss gives the same number.

# %% tags=["nbval-check-output"]
V = len(language.SYMBOLS)
logits = torch.randn(4, 9, V, generator=torch.Generator().manual_seed(0))
tokens = torch.randint(V, (4, 9), generator=torch.Generator().manual_seed(1))
certain = one_hot(tokens[:, 1:].flatten(), V).float()  # [B (T - 1), V]
print(f"by tokens:   {next_token_loss(logits, tokens):.4f}")
print(f"by nll_loss: {nll_loss(logits[:, :-1].flatten(0, 1), certain):.4f}")

# %% [markdown]
# ## A teacher
#
# The teacher is a recurrent network (GRU). It learns from the data for a minute or two. Dropout reduces
# [overfitting](glossary.md#overfitting), since the text is short.

# %%
torch.manual_seed(0)  # of first weights and dropout
teacher = language.LanguageModel(width=256, dropout=0.3)
updates = by_budget(smoke=20, fast=700)
descend = language.descent(teacher, updates, learning_rate=0.004)
generator = torch.Generator().manual_seed(1)
rows = []
for update in range(1, updates + 1):
    tokens = language.sample(learnt, 32, 65, generator)  # [B, T]
    loss = next_token_loss(teacher(tokens), tokens)
    descend(loss)
    if update % by_budget(smoke=5, fast=25) == 0:
        nats = language.cross_entropy(teacher, held_out)
        rows.append({"updates": update, "minibatch": loss.item(), "held": nats})

# %%
x = [row["updates"] for row in rows]
both = {
    "teacher, minibatch": (x, [row["minibatch"] for row in rows]),
    "teacher, held-out text": (x, [row["held"] for row in rows]),
}
show(
    pictures.lines(both, "updates", "nats a token"),
    "The teacher's cross-entropy falls quickly, then slowly, on both texts.",
)

# %% [markdown]
# The line of held-out text is measured without dropout, that of minibatches with it. So the first can lie
# below the second.
#
# ## Exercise 2 · Among how many characters?
#
# The exponential of the cross-entropy is the [perplexity](glossary.md#perplexity): the number of equally
# likely tokens among which a choice would be as uncertain. It is 48 for a uniform policy. What is the
# teacher's on held-out text?

# %%
teacher.eval()  # from now on without dropout
nats = torch.tensor(language.cross_entropy(teacher, held_out))
### BEGIN SOLUTION
# Measured: within a word the next letter is often certain.
my_guess = 3.5
### END SOLUTION
check_prediction(my_guess, nats.exp().item(), near=1)

# %% [markdown]
# ## A student
#
# The student is the same kind of network with 13 times fewer weights. It begins with some updates by NLL
# on the data, because a student that writes noise would ask its teacher about noise. Students of GKD and
# MiniLLM begin in this way too.

# %%
start = language.LanguageModel(width=64)
beginning = by_budget(smoke=10, fast=200)
descend = language.descent(start, beginning, learning_rate=0.006)
for _ in range(beginning):
    tokens = language.sample(learnt, 32, 65, generator)
    descend(next_token_loss(start(tokens), tokens))
for name, model in {"teacher": teacher, "student": start}.items():
    print(f"{name}: {pdlearn.parameter_count(model):,} weights")

# %% [markdown]
# ## Exercise 3 · The student writes, the teacher marks
#
# Now the student's loss on a text that it has written itself, after `prompt` tokens of the data. It is
# the reverse KL,
#
# $$D_{KL}(\texttt{student} \,\|\, \texttt{teacher}) = \sum_v \texttt{student}_v \,\bigl(\log
# \texttt{student}_v - \log \texttt{teacher}_v\bigr),$$
#
# the mean over texts and written tokens. Public guides and code have written it the wrong way round, or
# have marked tokens that the student did not write. Which logits are for its first token, and which are
# for none? (`reverse_kl_loss` takes `[N, V]`; `.flatten(0, 1)` makes one axis of two.)


# %%
def own_text_by_hand(student_logits, teacher_logits, prompt):
    """Return the loss, a scalar, for logits [B, T, V] and a length."""
    ### BEGIN SOLUTION
    written = slice(prompt - 1, -1)
    student = student_logits[:, written].flatten(0, 1)
    teacher = teacher_logits[:, written].flatten(0, 1)
    return reverse_kl_loss(student, teacher, temperature=1)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_own_text_loss(own_text_by_hand)

# %% [markdown]
# ## Four recipes
#
# A recipe is a loss and an author of the text. The third recipe differs from the second in both, so the
# fourth changes the loss alone. All have the same start and the same number of updates. The loss functions
# are those of lesson 05: only what they are given differs.


# %%
def learn(loss_function, updates, own_text=False):
    """Return a student that continues `start` by a loss of three tensors."""
    student = deepcopy(start)
    descend = language.descent(student, updates, learning_rate=0.006)
    generator = torch.Generator().manual_seed(2)
    prompt = 8 if own_text else 1
    for _ in range(updates):
        tokens = language.sample(learnt, 32, 65, generator)  # [B, T]
        if own_text:
            tokens = student.write(tokens[:, :prompt], 65, generator)
        logits = student(tokens)[:, prompt - 1 : -1].flatten(0, 1)  # [N, V]
        with torch.no_grad():  # the teacher only answers
            answers = teacher(tokens)[:, prompt - 1 : -1].flatten(0, 1)
        data = one_hot(tokens[:, prompt:].flatten(), V).float()
        descend(loss_function(logits, answers, data))
    return student


# %%
def by_nll(student_logits, teacher_logits, data):
    return nll_loss(student_logits, data)


def by_forward_kl(student_logits, teacher_logits, data):
    return kl_loss(student_logits, teacher_logits, temperature=1)


def by_reverse_kl(student_logits, teacher_logits, data):
    return reverse_kl_loss(student_logits, teacher_logits, temperature=1)


few = by_budget(smoke=5, fast=400)
models = {
    "teacher": teacher,
    "NLL, data": learn(by_nll, few),
    "forward KL, data": learn(by_forward_kl, few),
    "reverse KL, own text": learn(by_reverse_kl, few, own_text=True),
    "reverse KL, data": learn(by_reverse_kl, few),
}

# %% [markdown]
# ## On held-out text
#
# Cross-entropy in nats and bits a token, and both divergences from the teacher in the states of this text.

# %%
models = {"start": start, **models}
held = {
    name: language.on_held_out(model, teacher, held_out)
    for name, model in models.items()
}
table(held, of="model")

# %% [markdown]
# The teacher's policy teaches more than the data alone: the student by forward KL has a lower
# cross-entropy than that by NLL. The difference is small. The students by reverse KL fit this text *worse*
# than both. They were not asked to cover it: where the student gives a token little probability, its reverse
# KL hardly counts the token. The last column hardly differs where one expects it to: the student by forward
# KL is about as near to the teacher, by the reverse KL, as the one that minimised it on such text.
#
# ## On their own text
#
# Each model writes 60 texts of 300 characters. `reverse KL` is its divergence from the teacher there,
# `teacher's nats` the teacher's cross-entropy of the text, `known words` the share of words that occur in
# the text to learn from.

# %%
known = set(language.decode(learnt).split())
own = {
    name: language.on_own_text(model, teacher, known)
    for name, model in models.items()
}
table(own, of="model")

# %%
names = [name.replace(", ", "\n") for name in models]
both = {
    "held-out text, by the model": [row["nats"] for row in held.values()],
    "its own text, by the teacher": [r["teacher's nats"] for r in own.values()],
}
show(
    pictures.bars(names, both, "nats a token"),
    "Cross-entropy of held-out text under each model, and of each model's own "
    "text under the teacher.",
)

# %% [markdown]
# Here the order is the other one. What the students by reverse KL write is likelier for the teacher, nearer
# to its policy and richer in known words; their entropy is lower. Neither order is the right one. Which one
# counts depends on the use: to predict given text, or to write.
#
# The author of the text made less difference than the divergence. The student that learnt on its own text
# has the lowest reverse KL there, as it should, but by little, and the two columns to the right do not
# favour it. Texts of 65 characters that begin with the data's leave little room for mistakes to add up, and
# this student is not far from its teacher. It also costs more: it writes one token after the other. Each
# recipe was run with one seed, so differences of one or two hundredths are no finding (lesson 10).

# %%
table(language.texts(models, "the student ", 150), of="model")

# %% [markdown]
# All continue the same words with the same random numbers, so that the texts begin alike. None makes sense,
# the teacher's neither: so short a text teaches words, not thoughts. One text per model is an example and
# no measurement; the table above is.
#
# ## Exercise 4 · A KL that is none
#
# Logits of 100,000 tokens for each place are too many to store or to send. So published code keeps the
# teacher's k likeliest tokens, and sums the terms of the KL over these alone. For the reverse KL,
#
# $$\texttt{truncated} = \sum_{v \,\in\, \texttt{top}_k} \texttt{student}_v \,\bigl(\log
# \texttt{student}_v - \log \texttt{teacher}_v\bigr).$$
#
# The cell minimises this over all policies of one state. The teacher gives its three likeliest tokens
# 98 % together. How many percent does the student give them at the minimum?

# %%
teacher_logits = torch.tensor([[5.0, 4.0, 3.0, 0.5, 0.0, -0.5, -1.0, -1.0]])
student_logits = torch.zeros(1, 8, requires_grad=True)
optimizer = torch.optim.Adam([student_logits], lr=0.05)
for _ in range(1_000):
    loss = truncated_reverse_kl(student_logits, teacher_logits, k=3).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
top = {
    name: 100 * logits.softmax(1)[0, :3].sum().item()
    for name, logits in (
        ("teacher", teacher_logits),
        ("student", student_logits),
    )
}

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
# Measured: each of the three gets 1 / e, 37 %, of the teacher's probability.
my_guess = 36
### END SOLUTION
check_prediction(my_guess, top["student"], near=3, unit=" %")

# %% tags=["nbval-check-output"]
print(f"truncated: {loss.item():.3f}")
print(f"whole KL:  {reverse_kl_loss(student_logits, teacher_logits, 1):.3f}")
print({name: f"{percent:.1f} %" for name, percent in top.items()})

# %% [markdown]
# The "divergence" is below 0, and the teacher's own policy is not its minimum. A term $p \log (p / q)$ is
# least at $p = q / e$, and nothing holds the probability that is left: it goes to tokens which the
# teacher would hardly write. Without its other terms a sum of KL is no divergence. The forward one is
# negative too, wherever the student gives the k tokens more than the teacher does. Code that clamps it at
# 0 teaches nothing in those states.
#
# ## Exercise 5 · Keep the rest
#
# The cure is one more category: the sum of all other tokens. Write the forward KL over these k + 1, a
# true divergence, and at most the whole one.


# %%
def top_k_by_hand(student_logits, teacher_logits, k):
    """Return the loss, a scalar, for logits [B, V] and a number of tokens."""
    ### BEGIN SOLUTION
    p = torch.softmax(teacher_logits.detach(), dim=1)  # [B, V]
    q = torch.softmax(student_logits, dim=1)
    index = p.topk(k, dim=1).indices  # [B, k]
    p, q = (
        torch.cat([top, 1 - top.sum(1, keepdim=True)], dim=1)  # [B, k + 1]
        for top in (p.gather(1, index), q.gather(1, index))
    )
    return (p * (p.log() - q.log())).sum(dim=1).mean()
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_top_k_kl(top_k_by_hand)

# %% [markdown]
# ## Break it
#
# Two more students with the four likeliest tokens of 48: one by the truncated reverse KL on its own text,
# one by the forward KL with the rest on the data.


# %%
def by_truncated(student_logits, teacher_logits, data):
    return truncated_reverse_kl(student_logits, teacher_logits, 4).sum(1).mean()


def by_top_k(student_logits, teacher_logits, data):
    return top_k_kl(student_logits, teacher_logits, 4)


short = by_budget(smoke=5, fast=150)
broken = {
    "truncated, own text": learn(by_truncated, short, own_text=True),
    "with the rest, data": learn(by_top_k, short),
}
seen = {"teacher": teacher, "start": start, **broken}
table(
    {
        name: {
            "nats": language.cross_entropy(model, held_out),
            "top 4": f"{language.at_top(model, teacher, held_out, 4):.0%}",
        }
        for name, model in seen.items()
    },
    of="model",
)

# %%
table(language.texts(broken, "the student ", 150), of="model")

# %% [markdown]
# The truncated student did what its loss asks for. It has moved probability from the four tokens that the
# teacher finds likeliest to all others, so that it writes no words, and its cross-entropy is higher than at
# its start. It is a [collapse](glossary.md#collapse) whose loss falls below 0 and looks like success;
# trainers of large models have reported it. With the rest as one category, the same number of updates makes
# a better student, from 4 numbers of 48.
#
# ## Exercise 6 · A silent no-op
#
# A published trainer asked its teacher for every token and then left the answers out of the loss. Such a
# run looks as usual, since the data still teaches. Three of these four losses learn nothing from the
# teacher. Which one does, `"a"`, `"b"`, `"c"` or `"d"`? In `b`, GKD's divergence at β = 1 is meant to be
# the reverse KL:
#
# $$\beta\, D_{KL}(\texttt{teacher} \,\|\, \texttt{mix}) + (1 - \beta)\, D_{KL}(\texttt{student} \,\|\,
# \texttt{mix}), \qquad \texttt{mix} = \beta\, \texttt{teacher} + (1 - \beta)\, \texttt{student}.$$


# %%
def divergence_to_mix(s, t, beta):
    mix = (beta * t.softmax(1) + (1 - beta) * s.softmax(1)).log()
    return beta * kl_loss(mix, t, 1) + (1 - beta) * reverse_kl_loss(mix, s, 1)


losses = {
    "a": lambda s, t, data: nll_loss(s, data) + kl_loss(s, t, 1).item(),
    "b": lambda s, t, data: divergence_to_mix(s, t, beta=1.0),
    "c": lambda s, t, data: kl_loss(s, s.detach(), 1),
    "d": lambda s, t, data: nll_loss(s, data) + kl_loss(s, t, 1),
}

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
teaches = "d"
### END SOLUTION
check_choice("A silent no-op", teaches)

# %% [markdown]
# A probe finds all of them without a training: compute the gradient with the teacher's logits, and again
# with those of another teacher. If both are equal, the teacher teaches nothing.


# %%
def gradient(loss_function, teacher_logits):
    """Return the gradient at the student's logits [N, V]."""
    logits = student_logits.clone().requires_grad_()
    loss_function(logits, teacher_logits, data).backward()
    return logits.grad


student_logits, one, other = (
    torch.randn(64, V, generator=torch.Generator().manual_seed(seed))
    for seed in range(3)
)
data = one_hot(torch.arange(64) % V, V).float()
probes = {}
for name, loss_function in losses.items():
    with_one, with_other = (gradient(loss_function, t) for t in (one, other))
    probes[name] = {
        "loss": f"{loss_function(student_logits, one, data):z.3f}",
        "gradient": f"{with_one.norm():.3f}",
        "another teacher": f"{with_other.norm():.3f}",
        "difference": f"{(with_one - with_other).norm():.3f}",
    }

# %% tags=["nbval-check-output"]
table(probes, of="loss function")

# %% [markdown]
# `b` and `c` have no gradient at all. `a` has the largest loss and a gradient as long as one expects, but
# it is the data's. Only `d` changes with the teacher. Run such a probe, or look at the agreement with the
# teacher, before you spend a day of computing.
#
# ## Quiz
#
# 1. What are states, actions and policy of a language model?
#    <details><summary>Answer</summary>The tokens so far, the token that comes next, and the softmax of the
#    logits.</details>
# 2. What is GKD's λ called in this package, and which lesson's problem does it answer?
#    <details><summary>Answer</summary>`student_share`. It answers the covariate shift of lesson 06: on
#    its own text the student meets its own mistakes.</details>
# 3. A student of the reverse KL has a higher cross-entropy on held-out text than one of the forward KL.
#    Is it worse?
#    <details><summary>Answer</summary>As a model of the data, yes. As a writer it need not be: it gives
#    little probability to what its teacher would not write. Each loss does best on its own
#    measure.</details>
# 4. Why is a sum over the teacher's k likeliest tokens no KL?
#    <details><summary>Answer</summary>Terms are missing, so that it can be negative, and its minimum is
#    not the teacher's policy. Add the rest as one more category.</details>
# 5. A loss falls as usual. How do you know that the teacher teaches?
#    <details><summary>Answer</summary>The gradient is another one with another teacher, or the divergence
#    from the teacher falls further than by the data alone.</details>

# %% [markdown]
# ## Key points
#
# - A language model is a policy over tokens; `kl_loss` and `reverse_kl_loss` serve at temperature 1.
# - On-policy distillation is two choices: a divergence (β) and whose states (λ, `student_share`).
# - On held-out text the forward KL was better, on the students' own text the reverse one. In this small
#   experiment the divergence mattered more than who wrote the text.
# - A part of a KL is no KL; keep the rest as one category. Check the direction, the shift, and that the
#   gradient depends on the teacher.
#
# Sources: Hinton, Vinyals and Dean 2015; Rusu et al. 2015; Kim and Rush 2016; Agarwal et al. 2024
# (arXiv:2306.13649); Gu et al. 2024 (arXiv:2306.08543); Thinking Machines 2025, *On-Policy Distillation*.
# The mistakes were seen in public code of 2025 and 2026.
