# ---
# jupyter:
#   pdlearn:
#     minutes: 40
#     level: easy
#     prerequisites: ['00', '01']
#     objectives:
#     - keep an agent's experience in a replay memory, and write the target and loss of deep Q-learning
#     - distinguish ends from time limits, and store both as discounts
#     - recognise four common mistakes in deep Q-learning
# ---

# %% [markdown]
# # 02 · Remember and look ahead
#
# A teacher learns from points, which are rare. It stores what happened in a *memory*, and its targets
# *look ahead*: the value of a step is its reward plus the value of the next state. In this lesson you
# build both, then break them one at a time.

# %%
import copy
from itertools import islice

import numpy as np
import torch

import pdlearn
from pdlearn import envs
from pdlearn.exercises import (
    check_discounts,
    check_double_target,
    check_n_step,
    check_rebuild,
    check_td_loss,
    check_td_target,
)
from pdlearn.lessons import by_budget, pictures, show, table
from pdlearn.losses import td_loss, td_target
from pdlearn.replay.memory import Memory
from pdlearn.rollout import EpsilonGreedy, steps

# %% [markdown]
# ## A memory of frames
#
# An [observation](glossary.md#observation) is four frames, and the next one shares three of them. So a
# [replay memory](glossary.md#replay-memory) stores each frame once and assembles observations when they
# are sampled. Here it is filled with random play of Breakout.


# %%
def remember(game, agent_steps, num_envs, policy_of, gamma=0.99):
    """Play `game` and return the memory of it."""
    env = envs.make(game, num_envs)
    memory = Memory(agent_steps, num_envs, env.observation_shape)
    play = steps(env, policy_of(env), seed=0, purpose="show")
    for step in islice(play, agent_steps // num_envs):
        ended = step.terminated | step.life_lost
        memory.add(step, np.sign(step.reward), np.where(ended, 0.0, gamma))
    play.close()
    return memory


# %%
def at_random(env):
    network = pdlearn.QNetwork(env.num_actions, "net3")
    return EpsilonGreedy(network, 1.0, torch.Generator().manual_seed(0))


breakout = remember("breakout", by_budget(smoke=1600, fast=2400), 4, at_random)

# %% tags=["nbval-check-output"]
frame_bytes = breakout.frames.shape[1]
for stored, frames_a_step in (("four frames", 4), ("one frame", 1)):
    gigabytes = frames_a_step * frame_bytes * 1_000_000 / 1e9
    print(f"{stored} a step: {gigabytes:.1f} GB for a million steps")

# %% [markdown]
# Deep Q-learning stores a million steps.
#
# ## Exercise 1 · Put the stack together
#
# `frames` are one copy's frames in order, `age[t]` is the number of steps since its episode began (4
# means 4 or more). Return the four frames that end with frame `t`, the oldest first, with zeros before
# the episode's start.


# %%
def rebuild(frames, age, t):
    """From [T, H, W], [T] and a number to [4, H, W]."""
    ### BEGIN SOLUTION
    back = torch.arange(3, -1, -1)  # 3, 2, 1, 0 steps back
    stack = frames[t - back]
    stack[back > age[t]] = 0
    return stack
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_rebuild(rebuild)

# %% [markdown]
# `Memory.observation` does this for a whole [minibatch](glossary.md#minibatch). The second step of an
# episode, with and without the use of `age`:

# %%
frames = breakout.frames[:-1].view(-1, 4, 84, 84)
age = breakout.age.view(-1, 4)
seconds = torch.nonzero(age == 1).tolist()  # second steps of episodes
slot, copy_of_game = next((t, e) for t, e in seconds if t > 10)
place = torch.tensor([slot]), torch.tensor([copy_of_game])
true = breakout.observation(*place)[0]
careless = frames[slot - 3 : slot + 1, copy_of_game]
show(
    pictures.frames(true),
    "Breakout, the second step of an episode as the agent saw it: two black "
    "frames, then two pictures.",
)
show(
    pictures.frames(careless),
    "The same step with a careless stack: the first two frames are the end of "
    "the episode before.",
)

# %% [markdown]
# In the second stack the paddle jumps across the screen, and the last life becomes five. This never
# happens in the game.
#
# ## Edges
#
# A [transition](glossary.md#transition) is an observation, the action, the reward and the next
# observation. It must not cross the end of an episode either. Pairs of neighbours in the memory that do:

# %%
last = breakout.last.view(-1, 4)[:-1]
print(
    f"{int(last.sum())} of {last.numel():,} pairs cross the edge of an episode"
)

# %%
generator = torch.Generator().manual_seed(0)
batch = breakout.sample_transitions(64, n_step=1, generator=generator)
for name, value in batch._asdict().items():
    if value is not None:
        print(f"{name:16s} {str(value.dtype):14s} {list(value.shape)}")

# %% [markdown]
# `sample_transitions` draws none of these. In the names, `tm1` is time t - 1 and `t` is the next step.
#
# ## Three kinds of ends
#
# After an end the future value is 0. There are three kinds of ends, so a flag `done` is not enough. The
# memory stores a [discount](glossary.md#discount) instead.
#
# ## Exercise 2 · Discounts
#
# Write this table as a function, for several copies of a game at once:
#
# | what happened | stored |
# | --- | --- |
# | `terminated`: the game is over | 0 |
# | `life_lost`: the game continues with one life less | 0 |
# | `truncated`: the time limit was reached | gamma |
# | none of these | gamma |


# %%
def discounts(terminated, truncated, life_lost, gamma):
    """From bool [E] to float [E]; `torch.where(condition, a, b)` helps."""
    ### BEGIN SOLUTION
    return torch.where(terminated | life_lost, 0.0, gamma)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_discounts(discounts)

# %% [markdown]
# **A common mistake: a time limit treated as an end.** A game gives one point each step, without end.
# With gamma 0.99 the value of each state is 1 + 0.99 + 0.99² + … = 100. Now there is a time limit of 20
# steps, and states do not show the time. We learn the value by averaging targets, once with each rule:

# %% tags=["nbval-check-output"]
gamma, limit = 0.99, 20
for rule, discount_at_limit in (
    ("gamma at the limit", gamma),
    ("0 at the limit", 0.0),
):
    value = 0.0
    for _ in range(3_000):
        targets = [1 + gamma * value] * (limit - 1) + [
            1 + discount_at_limit * value
        ]
        value = sum(targets) / limit
    print(f"{rule}: the value learnt is {value:.1f}")

# %% [markdown]
# With the wrong rule the value of every state is too low, not only that of the last.
#
# ## Look ahead
#
# A game is a [Markov decision process](glossary.md#markov-decision-process): what comes next depends on
# the present state and action. The sum of the discounted rewards to come is the
# [return](glossary.md#return), and the [Q-value](glossary.md#q-value) of an action is its expectation, a
# [value function](glossary.md#value-function). For the best policy it obeys the [Bellman optimality
# equation](glossary.md#bellman-optimality-equation): the reward, plus the discounted value of the best
# next action,
#
# $$Q^*(s, a) = \mathrm{E}\,\bigl[\, r + \gamma \max_{a'} Q^*(s', a') \,\bigr] .$$
#
# Deep Q-learning replaces the expectation by one transition from the memory, a sample:
#
# $$\texttt{target} = \texttt{reward} + \texttt{discount} \cdot \max_a \texttt{target\_q}_a .$$
#
# The target contains an estimate: this is [bootstrapping](glossary.md#bootstrapping). The actions in the
# memory were those of older, exploring networks, but the target is that of the best action: learning is
# [off-policy](glossary.md#off-policy).
#
# `target_q` comes from the [target network](glossary.md#target-network), a copy of the network that is
# constant for many [updates](glossary.md#update). Otherwise every update would change its own target.
#
# ## Exercise 3 · The target
#
# Return one number for each transition. No gradient may flow through it: the prediction must move
# towards the target, not the reverse. So end with `.detach()`.


# %%
def my_target(reward, discount, target_q):
    """From [B], [B] and [B, A] to [B]."""
    ### BEGIN SOLUTION
    return (reward + discount * target_q.max(1).values).detach()
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_td_target(my_target)

# %% [markdown]
# The package's function is `losses.td_target`. These are the values of the trained Pong teacher during
# its first points:

# %%
teacher = pdlearn.zoo.load("pong/teacher")


def as_teacher(env):
    return EpsilonGreedy(teacher.network, 0.0, torch.Generator().manual_seed(0))


game = remember("pong", by_budget(smoke=40, fast=240), 1, as_teacher)
slots = torch.arange(len(game))
best_q = teacher.network(game.observation(slots, 0 * slots)).max(1).values

# %%
line = [
    {
        "step": t,
        "best Q-value": best_q[t].item(),
        "reward": game.reward[t].item(),
    }
    for t in slots.tolist()
]
show(
    pictures.curves({"teacher": line}, ["best Q-value", "reward"], x="step"),
    "The teacher's best Q-value climbs before each point that it wins and "
    "drops right after it.",
)

# %% [markdown]
# The value rises before the point: during training, the targets passed the point back step by step.
#
# ## Exercise 4 · Several steps at once
#
# A one-step target passes a point back by one step in each update. An [n-step](glossary.md#n-step)
# target sums n rewards first:
#
# $$\texttt{reward}_1 + \texttt{discount}_1\,\texttt{reward}_2 + \texttt{discount}_1\texttt{discount}_2
# \,\texttt{reward}_3 + \dots$$
#
# and the value after them is multiplied by the product of all n discounts. Since an end is a discount of
# 0, nothing after it counts, without any `if`. Return the sum and the product.


# %%
def n_step(reward, discount):
    """From [n] and [n] to two numbers."""
    ### BEGIN SOLUTION
    total, worth = 0.0, 1.0
    for r, d in zip(reward, discount, strict=True):
        total = total + worth * r
        worth = worth * d
    return total, worth
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_n_step(n_step)

# %% [markdown]
# `sample_transitions(…, n_step=3)` returns these two as `reward_t` and `discount_t`.
#
# ## Exercise 5 · Two networks, two roles
#
# Values are estimates, and the maximum of estimates is biased upwards, because it selects positive
# errors. [Double deep Q-learning](glossary.md#double-deep-q-learning) separates two roles: the online
# network chooses the action, and the target network gives its value.


# %%
def double_target(reward, discount, target_q, online_q):
    """From [B], [B], [B, A] and [B, A] to [B]."""
    ### BEGIN SOLUTION
    best = online_q.argmax(1, keepdim=True)  # [B, 1]
    return (reward + discount * target_q.gather(1, best).squeeze(1)).detach()
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_double_target(double_target)

# %% tags=["nbval-check-output"]
generator = torch.Generator().manual_seed(0)
# All actions are worth 0; the values are errors alone.
target_q, online_q = torch.randn(2, 10_000, 6, generator=generator)
nothing, one = torch.zeros(10_000), torch.ones(10_000)
single = td_target(nothing, one, target_q).mean()
double = td_target(nothing, one, target_q, online_q).mean()
print(f"mean target: maximum {single:z.1f}, double Q-learning {double:z.1f}")

# %% [markdown]
# The true value of all six actions is 0, and the estimates have an error of 1. The maximum is far too
# high, the double target hardly at all.
#
# ## Exercise 6 · The loss
#
# Compare the value of *the action that was taken* with the target; their difference is the
# [temporal-difference error](glossary.md#temporal-difference-error). [Huber's
# loss](glossary.md#huber-loss) (`F.huber_loss`) is a square for small errors and a straight line beyond
# 1, which bounds the gradient of a large error. No gradient may flow into the target.


# %%
def my_loss(q, action, target):
    """From [B, A], int64 [B] and [B] to a single number."""
    F = torch.nn.functional
    ### BEGIN SOLUTION
    taken = q.gather(1, action.unsqueeze(1)).squeeze(1)  # [B]
    return F.huber_loss(taken, target.detach())
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_td_loss(my_loss)

# %% [markdown]
# ## Right, and broken in three ways
#
# Catch is learnt in seconds: a ball falls, and a paddle must be below it. The memory contains random
# play. Four learners get the same transitions. The first is right; each of the others has one wrong
# line.

# %%
balls = by_budget(smoke=480, fast=4_800)
catch = remember("pdlearn/Catch-v0", balls, 16, at_random)


def right(network, target, batch):
    with torch.no_grad():
        target_q = target(batch.observation_t)
    y = td_target(batch.reward_t, batch.discount_t, target_q)
    return td_loss(network(batch.observation_tm1), batch.action_tm1, y)


def wrong_action(network, target, batch):
    y = td_target(batch.reward_t, batch.discount_t, target(batch.observation_t))
    q = network(batch.observation_tm1)
    return td_loss(q, q.argmax(1), y)  # the best action, not the one taken


# %%
def moving_target(network, target, batch):
    value = network(batch.observation_t).max(1).values  # own, with a gradient
    y = batch.reward_t + batch.discount_t * value
    q = network(batch.observation_tm1)
    taken = q.gather(1, batch.action_tm1.unsqueeze(1)).squeeze(1)
    return torch.nn.functional.huber_loss(taken, y)


def no_end(network, target, batch):
    endless = torch.full_like(batch.discount_t, 0.99**3)  # it never ends
    y = td_target(batch.reward_t, endless, target(batch.observation_t))
    return td_loss(network(batch.observation_tm1), batch.action_tm1, y)


# %%
def learn(loss_of):
    """Return a network, its last loss and the generator of its minibatches."""
    seeded = torch.Generator().manual_seed(0)
    network = pdlearn.QNetwork(3, "net3", generator=seeded)
    target = copy.deepcopy(network).requires_grad_(False)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    generator = torch.Generator().manual_seed(1)
    for update in range(by_budget(smoke=5, fast=600)):
        if update % 25 == 0:
            target.load_state_dict(network.state_dict())
        batch = catch.sample_transitions(32, 3, generator)
        loss = loss_of(network, target, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network, loss.item(), generator


# %%
@torch.no_grad()
def measured(network, loss, generator):
    """Return a row: the loss, the largest value, the share of balls caught."""
    held = catch.sample_states(by_budget(smoke=32, fast=512), generator)
    value = network(held.observation).max().item()
    player = pdlearn.Agent(
        network, {"games": {"pdlearn/Catch-v0": list("012")}}
    )
    balls = by_budget(smoke=8, fast=100)
    score = pdlearn.evaluate(
        player, pdlearn.EvalConfig(episodes=balls, epsilon=0.0)
    )
    caught = f"{(score.mean + 1) / 2:.0%}"
    return {"loss": loss, "largest value": value, "balls caught": caught}


# %%
variants = {
    "right": right,
    "the wrong action": wrong_action,
    "gradient through the target": moving_target,
    "no end": no_end,
}
table({w: measured(*learn(loss)) for w, loss in variants.items()}, of="learner")

# %% [markdown]
# None raised an error, and every loss is small. The differences:
#
# - *The wrong action* catches few balls: it does not learn the effect of its actions.
# - *No end* has values that no state of Catch can have: a ball gives one point, then the game is over.
#   (The right learner is above 1 too, by less: maxima are biased upwards.)
# - *Gradient through the target* has the smallest loss of all, because it also moves the target towards
#   the prediction. It catches fewer balls than the right one.
#
# The last two still catch most balls. In a game of eleven steps the better action mostly has the higher
# value, even if both values are wrong. So neither a small loss nor good play proves that a learner is
# right: look at its values as well.

# %% [markdown]
# ## Quiz
#
# 1. Why store one frame a step and not four?
#    <details><summary>Answer</summary>Neighbours share three of their four frames. Storing each once
#    takes a quarter of the memory.</details>
# 2. A time limit ends a game. Which discount is stored, and why?
#    <details><summary>Answer</summary>Gamma. The game could have continued, and its value does not
#    depend on the time limit.</details>
# 3. A life is lost. What is stored, and does the game start again?
#    <details><summary>Answer</summary>A discount of 0. The game does not start again; it continues, and
#    so does its score.</details>
# 4. What does the target network do?
#    <details><summary>Answer</summary>It is constant for many updates, so that an update does not change
#    its own target.</details>
# 5. Why is the loss computed for one action only?
#    <details><summary>Answer</summary>The transition shows only the result of the action taken, not of
#    the others.</details>

# %% [markdown]
# ## Key points
#
# - Frames are stored once. A stack does not cross the start of an episode, nor a transition its end.
# - Ends are discounts: 0 after a game over or a lost life, gamma after a time limit.
# - The target is `reward + discount * value`, and no gradient goes through it.
# - n-step targets pass a point back faster; double Q-learning reduces overestimation.
# - A broken learner raises no error. Evaluate its play, and look at its values too.
