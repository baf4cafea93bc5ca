# ---
# jupyter:
#   pdlearn:
#     minutes: 45
#     level: middle
#     prerequisites: ['05', '06']
#     objectives:
#     - consolidate several games in one network and say what it costs
#     - make a network forget a game, and say what keeps it from forgetting
#     - say why several games are hard for deep Q-learning and easier for a student
# ---

# %% [markdown]
# # 08 · Many games, one network
#
# A [student](glossary.md#student) can have several [teachers](glossary.md#teacher), one for each game.
# All games share one [torso](glossary.md#torso); each game has its own small
# [controller](glossary.md#controller).
#
# ![The memories of Freeway and Pong feed one torso in random turns; each game has its own controller, of
# three and of six outputs.](images/torso.svg)

# %%
import torch
from torch import nn

import pdlearn
from pdlearn import losses
from pdlearn.exercises import (
    check_choice,
    check_outputs,
    check_prediction,
    check_turns,
)
from pdlearn.exercises.sharing import turns
from pdlearn.experiments import tsne
from pdlearn.experiments.comparable import comparable
from pdlearn.games import GAMES
from pdlearn.lessons import by_budget, measures, pictures, results, show, table
from pdlearn.networks import (
    SIZES,
    Controller,
    MultiGameNetwork,
    OneGame,
    Torso,
    parameter_count,
)
from pdlearn.paper import TABLE_2_MEAN, TABLE_B2, TABLE_B2_MEAN

games = ("freeway", "pong")
teachers = {game: pdlearn.zoo.load(f"{game}/teacher") for game in games}
num_actions = {game: len(teachers[game].actions) for game in games}

# %% [markdown]
# ## One network plays them all
#
# The shipped `multi10` is a single network. Here it plays all the games that it was trained for, each
# beside the teacher of this game alone, from the same start and with the same random actions.

# %%
pdlearn.widgets.all_games(
    "multi10/kl", agent_steps=by_budget(smoke=8, fast=100)
)

# %% [markdown]
# ## Two games, two memories
#
# Half an hour of Pong ships with the package; the Freeway teacher plays some minutes now. Each game has
# its own [replay memory](glossary.md#replay-memory).

# %%
steps = by_budget(smoke=800, fast=12_800, full=54_000)
memories = {
    "freeway": pdlearn.collect(teachers["freeway"], steps),
    "pong": pdlearn.zoo.recording("pong"),
}
generator = torch.Generator().manual_seed(1)
unseen_steps = by_budget(smoke=800, fast=3_200)
states = {}
# A purpose has its own seeds, so these are other games.
for game, teacher in teachers.items():
    unseen = pdlearn.collect(teacher, unseen_steps, purpose="show")
    states[game] = unseen.sample_states(512, generator)

# %%
drawn = {
    f"{GAMES[game].title}, a state": states[game].observation[0, -1]
    for game in games
}
show(
    pictures.screens(drawn),
    "The network's inputs: a chicken on a road with ten lanes, and two paddles "
    "with a ball.",
)

# %% [markdown]
# ## Exercise 1 · Which controller?
#
# `torso` maps observations to features `[B, 64]`; `controllers` contains a layer for each game's name.
# Write the outputs for a minibatch of `game`.


# %%
def outputs_by_hand(torso, controllers, observation, game):
    """Return the outputs `[B, A]`, A being the actions of `game`."""
    ### BEGIN SOLUTION
    controller = controllers[game]
    return controller(torso(observation))
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_outputs(outputs_by_hand)

# %% [markdown]
# ## Exercise 2 · How much is shared?
#
# The paper's network for three games has the teacher's layers up to `fc1` as its torso, and controllers
# with a hidden layer of 128 units. For our two games, what percentage of its parameters do both games
# share?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
# Measured: the torso has nearly all parameters, the controllers few.
my_guess = 92.7
### END SOLUTION
multi3 = MultiGameNetwork(num_actions, "multi3")
own = parameter_count(multi3.controllers)
shared = 100 * (1 - own / parameter_count(multi3))
check_prediction(my_guess, shared, near=4, unit=" %")


# %%
class TwoGames(Torso):
    """A MultiGameNetwork as wide as net3: it learns while we wait."""

    def __init__(self):
        super().__init__(SIZES["net3"], (4, 84, 84))
        features = SIZES["net3"].fc1
        self.controllers = nn.ModuleDict(
            {game: Controller(features, num_actions[game]) for game in games}
        )
        self.reset_parameters(torch.Generator().manual_seed(0))

    def forward(self, observation, game):
        return self.controllers[game](self.features(observation))


# %%
apart = sum(parameter_count(teacher.network) for teacher in teachers.values())
print(f"two teachers: {apart:,} parameters")
print(f"multi3 for both games: {parameter_count(multi3):,}")
print(f"ours for both games: {parameter_count(TwoGames()):,}")

# %% [markdown]
# Another game adds one controller, not one network. Whether the torso can represent all games is tested
# below.
#
# ## Exercise 3 · Random turns
#
# Every minibatch is of one game, which the paper draws at random each time. Return a list of `updates`
# names, drawn uniformly with `generator`. The loss that is minimised is the sum over games
#
# $$\texttt{loss} = \sum_{\texttt{game}} D_{KL}\bigl(\texttt{target}_{\,\texttt{game}} \,\|\,
# \texttt{student}(\texttt{observation}, \texttt{game})\bigr);$$
#
# a minibatch of one game, drawn at random, is a sample of it.


# %%
def turns_by_hand(games, updates, generator):
    """Return the game of each minibatch."""
    ### BEGIN SOLUTION
    drawn = torch.randint(len(games), (updates,), generator=generator)
    return [games[number] for number in drawn.tolist()]
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_turns(turns_by_hand)

# %% [markdown]
# ## Both at once
#
# `learn` takes a list of turns. After each hundred minibatches it measures loss and agreement of every
# game on held-out states. A minute is too short to learn Pong from pictures. So the torso begins as that
# of `pong/net3`, a stored checkpoint that was trained on Pong alone; both controllers are new. The
# network has to learn Freeway, and to keep what its torso knows of Pong.


# %%
@torch.no_grad()
def measured_on_states(network):
    """Return each game's loss and agreement on held-out states."""
    row = {}
    for game, (observation, teacher_q) in states.items():
        output = network(observation, game)
        alike = (output.argmax(1) == teacher_q.argmax(1)).float().mean()
        row[f"loss, {game}"] = losses.kl_loss(output, teacher_q, 0.03).item()
        row[f"agreement, {game}"] = alike.item()
    return row


# %%
def learn(network, order):
    """Teach a network a minibatch of each game in `order`; return rows."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    generator, rows = torch.Generator().manual_seed(1), []
    for update, game in enumerate(order, start=1):
        # A rate that rises for 100 updates avoids dead ReLUs.
        optimizer.param_groups[0]["lr"] = 1e-3 * min(update / 100, 1)
        batch = memories[game].sample_states(64, generator)
        optimizer.zero_grad()
        output = network(batch.observation, game)
        losses.kl_loss(output, batch.teacher_q, 0.03).backward()
        optimizer.step()
        if update % by_budget(smoke=10, fast=100) == 0:
            rows.append({"updates": update} | measured_on_states(network))
    return rows


# %%
def begun():
    """Return a network for two games with the torso of pong/net3."""
    network = TwoGames()
    of_pong = pdlearn.zoo.load("pong/net3").network.state_dict()
    torso = {n: of_pong[n] for n in network.state_dict() if n in of_pong}
    network.load_state_dict(torso, strict=False)
    return network


# %%
updates = by_budget(smoke=40, fast=2_000, full=20_000)
network = begun()
rows = learn(network, turns(games, updates, torch.Generator().manual_seed(2)))

# %%
learnt = {}
for game, (_, teacher_q) in states.items():
    best = teacher_q.argmax(1)
    blind = (best == best.mode().values).float().mean()
    learnt[GAMES[game].title] = {
        "agreement": f"{rows[-1][f'agreement, {game}']:.0%}",
        "of a constant player": f"{blind:.0%}",
        "loss": rows[-1][f"loss, {game}"],
        "of the best constant policy": measures.marginal_loss(teacher_q, 0.03),
        "median gap": measures.action_gap(teacher_q).median().item(),
    }
table(learnt, of="game")

# %% [markdown]
# The best constant policy is the teacher's average target (lesson 06). A network has learnt something about
# a game only if its loss is below this; here it is in both games. The two differ in their agreement: the
# values of Freeway's teacher have large gaps, those of Pong's have small ones, so that Freeway's targets
# are sharp far more often. One [temperature](glossary.md#temperature) has different effects on both.

# %% [markdown]
# ## Break it: one game after the other
#
# Another network begins with the same torso. It has no random turns: first every minibatch is of Pong, and
# then every minibatch is of Freeway.
#
# ## Exercise 4 · What is left of Pong?
#
# Run the cell once: it prints the network's agreement with the Pong teacher after the minibatches of
# Pong. What is it after those of Freeway, in percent? (Compare with the constant player in the table.)

# %%
broken = begun()
first, then = by_budget(smoke=(10, 20), fast=(300, 700))
of_pong = learn(broken, ["pong"] * first)
of_freeway = learn(broken, ["freeway"] * then)
before, after = (
    100 * part[-1]["agreement, pong"] for part in (of_pong, of_freeway)
)
print(f"before: {before:.0f} %")
### BEGIN SOLUTION
# Measured: more than half of the way to a constant player's agreement.
my_guess = 38
### END SOLUTION
check_prediction(my_guess, after, near=5, unit=" %")

# %%
both = of_pong + [
    row | {"updates": row["updates"] + first} for row in of_freeway
]
panels = [f"loss, {game}" for game in games]
show(
    pictures.curves({"student": both}, panels, cut=first),
    "Each game's loss on unseen states: left of the dotted line every "
    "minibatch is of Pong, right of it of Freeway.",
)

# %% [markdown]
# At the dotted line Pong's loss begins to rise: this is [catastrophic
# forgetting](glossary.md#catastrophic-forgetting). Pong's controller is unchanged, but the torso below it
# has changed. No minibatch contains Pong, so no gradient preserves it. Therefore the games are trained in
# random turns to the end.
#
# ## Does it play?
#
# A few games of each show how both networks play, beside a blind player that always takes the teacher's
# most frequent action. The score of a shipped `multi3`, trained for far longer, is from its card.


# %%
class Blind(nn.Module):
    """Takes the action that is best most often in `teacher_q`."""

    def __init__(self, teacher_q):
        super().__init__()
        best = teacher_q.argmax(1)
        counts = torch.bincount(best, minlength=teacher_q.shape[1])
        self.counts = nn.Parameter(counts.float())

    def forward(self, observation):
        return self.counts.expand(len(observation), -1)


def playing(whole, game):
    """Return the agent of one game of a network for two."""
    return teachers[game].with_network(OneGame(whole, game), "logits")


# %%
config = pdlearn.EvalConfig(episodes=by_budget(smoke=1, fast=5, full=30))
multi3_of = pdlearn.zoo.load_all_games("multi3/kl")
rows = []
for game, teacher in teachers.items():
    blind = teacher.with_network(Blind(states[game].teacher_q), "logits")
    scores = {
        "blind": pdlearn.evaluate(blind, config).card(),
        "ours": pdlearn.evaluate(playing(network, game), config).card(),
        "one after the other": pdlearn.evaluate(
            playing(broken, game), config
        ).card(),
        "multi3/kl": multi3_of.for_game(game).score,
        "teacher": teacher.score,
    }
    ends = GAMES[game].random, teacher.score["mean"]
    for who, score in scores.items():
        row = measures.share_row(score, *ends)
        rows.append({"game": GAMES[game].title, "who": who} | row)
table(rows)

# %% [markdown]
# [Share of the way](glossary.md#share-of-the-way): 0 % for random play, 100 % for the teacher (lesson
# 07). In Freeway a player that always walks up already has a high share. In random turns our network plays
# both games: it crosses more often than this player, and it plays Pong about as well as the teacher. The
# network that learnt one game after the other began with the same torso. It has lost a part of its Pong,
# and its games differ widely, as the interval shows.

# %%
pdlearn.widgets.compare(
    {
        "teacher": teachers["pong"],
        "ours": playing(network, "pong"),
        "one after the other": playing(broken, "pong"),
    },
    agent_steps=by_budget(smoke=60, fast=300),
)

# %% [markdown]
# ## Exercise 5 · Losses and a game's scale
#
# One game gives a point for a crossing, another 25 for a hop. Suppose Freeway gave 100 for a crossing,
# so that all its Q-values are 100 times larger. Which loss has exactly the same gradient in the shared
# torso as before: `"mse"`, `"nll"` or `"kl"` at the same temperature?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
unmoved = "nll"
### END SOLUTION
check_choice("Losses and a game's scale", unmoved)

# %%
fresh = TwoGames()
named = dict(fresh.named_parameters())
torso = [p for name, p in named.items() if not name.startswith("controllers")]
observation, teacher_q = (part[:256] for part in states["freeway"])


def norm(loss, *arguments):
    """Return the length of a loss's gradient in the torso's parameters."""
    output = fresh(observation, "freeway")
    gradients = torch.autograd.grad(loss(output, *arguments), torso)
    return torch.cat([each.flatten() for each in gradients]).norm().item()


# %%
large_q = 100 * teacher_q
norms = {
    "mse": [norm(losses.mse_loss, q) for q in (teacher_q, large_q)],
    "nll": [norm(losses.nll_loss, q) for q in (teacher_q, large_q)],
    "kl at 0.03": [norm(losses.kl_loss, q, 0.03) for q in (teacher_q, large_q)],
}
rescaled = norm(losses.kl_loss, large_q, 3.0)
norms["kl at 0.03, then at 3"] = [norms["kl at 0.03"][0], rescaled]
columns = ("gradient norm", "with values times 100")
table(
    {
        loss: dict(zip(columns, pair, strict=True))
        for loss, pair in norms.items()
    },
    of="loss",
)

# %% [markdown]
# Deep Q-learning's own loss is similar to MSE: it learns values, so the game with the larger values
# dominates the torso's gradient ([gradient interference](glossary.md#gradient-interference)). Clipping
# rewards to -1 and 1 equalises the points, but not how often they occur. Probabilities have the same
# scale in every game. The paper names scale as one reason why its students play several games well where
# a DQN does worse.
#
# ## Exercise 6 · Zero gradients
#
# Twenty updates on Freeway, then one on Pong. The gradients are cleared with
# `optimizer.zero_grad(set_to_none=False)`, which writes zeros where the default removes them. Is
# Freeway's controller unchanged by Pong's update: `"yes"` or `"no"`?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
stands_still = "no"
### END SOLUTION
check_choice("Zero gradients", stands_still)

# %%
for remove in (True, False):
    small = TwoGames()
    optimizer = torch.optim.Adam(small.parameters(), lr=1e-3)
    weight = small.controllers["freeway"].out.weight
    for game in ["freeway"] * 20 + ["pong"]:
        before = weight.detach().clone()
        optimizer.zero_grad(set_to_none=remove)
        observation, teacher_q = (part[:32] for part in states[game])
        losses.kl_loss(small(observation, game), teacher_q, 0.03).backward()
        optimizer.step()
    moved = (weight - before).abs().max().item()
    print(f"set_to_none={remove}: Freeway's controller moved by {moved:.6f}")

# %% [markdown]
# ## Longer runs
#
# `multi3.csv` of `docs/results` contains networks for three games, trained by DQN without a teacher, by
# NLL or by KL (`pdlearn reproduce multi3`). Beside those of the shipped teachers is the paper's table B2:
# the same games, other teachers and other starts. A dash is a missing run.


# %%
of_shipped_teachers, _ = comparable(results("multi3"))
table(measures.beside_the_paper(of_shipped_teachers, TABLE_B2))

# %%
print("the paper, percent of the DQN's score, geometric mean:")
for label, mean in TABLE_B2_MEAN.items():
    print(f"one network for three games, {label}: {mean:.1f}")
print(f"one network for ten games, kl: {TABLE_2_MEAN['kl']:.1f}")

# %% [markdown]
# In the paper, the network trained by DQN on three games scores lower than a DQN for each game; those
# trained by NLL and KL do not. Ours agree, but for another reason: our DQN played only as many agent
# steps as the students learn from. It learnt to cross the road, and in Pong it still loses nearly every
# point. The students of the same steps play like their teachers: a teacher's values tell more about each
# state than its rewards do. Our percentages and the paper's have different denominators (lesson 10):
# compare the three methods within a column, and no numbers between columns.
#
# ## What the layers share
#
# Does one torso mix its games? `tsne.csv` has states of all games that `multi10` plays, embedded in the
# plane by t-SNE, from the activations of two layers (the paper's figure D2).

# %%
show(
    tsne.picture(results("tsne")),
    "Each dot is a state, its colour and mark its game. In the first layer the "
    "games lie apart; in the shared hidden layer most states of a game lie "
    "together, and some lie among those of other games.",
)

# %% [markdown]
# The games share the weights of both layers, but most of their states remain apart. t-SNE keeps near
# states near, and says nothing of the distances between groups. A plane cannot keep all neighbours
# either. Therefore `docs/results.md` counts how many states have a nearest neighbour of their own game
# among the activations, and not in this picture.

# %% [markdown]
# ## Quiz
#
# 1. Which parameters does a minibatch of Pong update?
#    <details><summary>Answer</summary>The torso's and those of Pong's controller. No other game's
#    controller.</details>
# 2. Pong's controller did not change, and yet Pong was forgotten. Why?
#    <details><summary>Answer</summary>The torso below it changed, and with it the features that are the
#    controller's input.</details>
# 3. Why is a minibatch of one game, not a mixture?
#    <details><summary>Answer</summary>Games have different actions and controllers, so one game at a
#    time is simpler. Over many minibatches it is still a mixture.</details>
# 4. Why does a DQN of several games need clipped rewards, and a student of NLL or KL hardly?
#    <details><summary>Answer</summary>The DQN learns values, and the game with larger values has larger
#    gradients. Such a student learns probabilities, which have the same scale in all games.</details>
# 5. The mean over two games is 50 % of the way. What does it not show?
#    <details><summary>Answer</summary>Whether both are half learnt, or one completely and the other not
#    at all. Report every game.</details>

# %% [markdown]
# ## Key points
#
# - One torso for all games, one controller and one memory for each, one game in each minibatch.
# - Games in random turns are learnt together; if they are trained one after the other, the first is
#   forgotten.
# - Gradients of losses of probabilities have one scale in all games; those of losses of values do not.
# - One temperature can have different effects in different games: look at the gaps.
# - Report the cost for every game.
#
# The paper: section 3 for the method, section 4 with figure 4 and tables 2 and B2; table A2 has the
# sizes. `docs/differences.md` lists the differences of our Multi-DQN.
