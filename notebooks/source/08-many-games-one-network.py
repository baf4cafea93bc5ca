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
# A [student](glossary.md#student) may have several [teachers](glossary.md#teacher), one a game. All it
# learns passes through one [torso](glossary.md#torso); only a small
# [controller](glossary.md#controller) is each game's own.
#
# ```
# Freeway's play ──▶ memory ─┐                    ┌─▶ its controller ─▶ 3 outputs
#                            ├─ in turns ▶ torso ─┤
# Pong's play ─────▶ memory ─┘                    └─▶ its controller ─▶ 6 outputs
# ```

# %%
import copy

import torch
from torch import nn

import pdlearn
from pdlearn import losses
from pdlearn.checkpoints import Agent
from pdlearn.exercises import (
    check_choice,
    check_outputs,
    check_prediction,
    check_turns,
)
from pdlearn.exercises.comparing import share
from pdlearn.exercises.sharing import turns
from pdlearn.games import GAMES
from pdlearn.lessons import by_budget, pictures, results, show, table
from pdlearn.networks import SIZES, Controller, MultiGameNetwork, OneGame, Torso, parameter_count
from pdlearn.paper import TABLE_2_MEAN, TABLE_B2, TABLE_B2_MEAN

games = ("freeway", "pong")
teachers = {game: pdlearn.zoo.load(f"{game}/teacher") for game in games}
num_actions = {game: len(teachers[game].actions) for game in games}

# %% [markdown]
# ## Two games, two memories
#
# Half an hour of Pong ships with the package; the Freeway teacher plays some minutes for us now. Each
# game keeps a [replay memory](glossary.md#replay-memory) of its own.

# %%
steps = by_budget(smoke=800, fast=6_400, full=54_000)
memories = {
    "freeway": pdlearn.collect(teachers["freeway"], steps),
    "pong": pdlearn.zoo.recording("pong"),
}
generator = torch.Generator().manual_seed(1)
unseen = by_budget(smoke=800, fast=3_200)
states = {  # games of another purpose are never the same games
    game: pdlearn.collect(teachers[game], unseen, purpose="show").sample_states(512, generator)
    for game in games
}

# %%
drawn = [states[game].observation[row, -1] for game in games for row in (0, 1)]
show(
    pictures.screens(drawn, ["Freeway", "Freeway", "Pong", "Pong"], columns=4),
    "What the one network will see: a chicken on a road with ten lanes, and two paddles with a ball.",
)

# %% [markdown]
# ## Exercise 1 · Whose controller answers?
#
# `torso` turns observations into features `[B, 64]`; `controllers` holds a layer for each game's name.
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
# with a hidden layer of 128 units. Built for our two games, how many percent of its parameters do both
# games share?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
my_guess = 90
### END SOLUTION
multi3 = MultiGameNetwork(num_actions, "multi3")
own = parameter_count(multi3.controllers)
shared = 100 * (1 - own / parameter_count(multi3))
check_prediction(my_guess, shared, near=4, unit=" %")


# %%
class TwoGames(Torso):
    """A MultiGameNetwork with the widths of net3, so small that it learns while we wait."""

    def __init__(self):
        super().__init__(SIZES["net3"], (4, 84, 84))
        heads = {game: Controller(SIZES["net3"].fc1, num_actions[game]) for game in games}
        self.controllers = nn.ModuleDict(heads)
        self.reset_parameters(torch.Generator().manual_seed(0))

    def forward(self, observation, game):
        return self.controllers[game](self.features(observation))


apart = sum(parameter_count(teacher.network) for teacher in teachers.values())
sizes = {"two teachers": apart, "multi3, both games": parameter_count(multi3)}
sizes |= {"ours, both games": parameter_count(TwoGames())}
table([{"what": what, "parameters": f"{count:,}"} for what, count in sizes.items()])

# %% [markdown]
# Another game costs one more controller, not one more network. Whether the torso has room for it is
# another question, and the subject of what follows.
#
# ## Exercise 3 · Whose turn is it?
#
# Every minibatch is of one game. The paper draws that game at random each time. Return a list of
# `updates` names, all games alike in chance, drawn with `generator`.


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
# `learn` takes a list of turns. After each hundred minibatches it judges every game on states that
# nobody learnt from.


# %%
@torch.no_grad()
def judged(network):
    """Return each game's loss and agreement on states of games that nobody learnt from."""
    row = {}
    for game, (observation, teacher_q) in states.items():
        output = network(observation, game)
        row[f"loss, {game}"] = losses.kl_loss(output, teacher_q, 0.03).item()
        row[f"agreement, {game}"] = (output.argmax(1) == teacher_q.argmax(1)).float().mean().item()
    return row


def learn(network, order):
    """Teach a network a minibatch of each game in `order`; return rows of metrics.

    The learning rate rises for 100 updates, which avoids dead ReLUs.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    generator, rows = torch.Generator().manual_seed(1), []
    for update, game in enumerate(order, start=1):
        optimizer.param_groups[0]["lr"] = 1e-3 * min(update / 100, 1)
        batch = memories[game].sample_states(64, generator)
        optimizer.zero_grad()
        losses.kl_loss(network(batch.observation, game), batch.teacher_q, 0.03).backward()
        optimizer.step()
        if update % by_budget(smoke=10, fast=100) == 0:
            rows.append({"updates": update} | judged(network))
    return rows


# %%
updates = by_budget(smoke=40, fast=2_000, full=20_000)
network = TwoGames()
rows = learn(network, turns(games, updates, torch.Generator().manual_seed(2)))

# %%
blind = []
for game, (_, teacher_q) in states.items():
    best = teacher_q.argmax(1)
    target = losses.teacher_policy(teacher_q, 0.03)
    gap = teacher_q.topk(2).values
    blind.append(
        {
            "game": GAMES[game].title,
            "agreement": f"{rows[-1][f'agreement, {game}']:.0%}",
            "of a blind player": f"{(best == best.mode().values).float().mean():.0%}",
            "loss": rows[-1][f"loss, {game}"],
            "of the best blind answer": losses.kl_loss(
                target.mean(0).log().expand_as(target), teacher_q, 0.03
            ).item(),
            "median gap of the teacher": (gap[:, 0] - gap[:, 1]).median().item(),
        }
    )
table(blind)

# %% [markdown]
# The best blind answer gives every state its teacher's average (lesson 06). What a network has learnt
# of a game is how far its loss lies below that. The two games need not come along alike: Freeway's
# teacher sees large gaps between its actions, Pong's small ones, so that Freeway's targets ask for a
# clear answer far more often. One [temperature](glossary.md#temperature) is not the same to both.

# %% [markdown]
# ## Break it: Pong alone
#
# Freeway is on its way and Pong lags. Somebody says: then go on with Pong alone. The network is copied,
# and every minibatch from now on is Pong's.
#
# ## Exercise 4 · What is left of Freeway?
#
# Run the cell once: it prints the network's agreement with the Freeway teacher so far. What is it after
# some hundred minibatches of Pong, in percent? (Mind the blind player in the table above.)

# %%
broken = copy.deepcopy(network)
alone = learn(broken, ["pong"] * by_budget(smoke=20, fast=600))
before, after = (100 * row["agreement, freeway"] for row in (rows[-1], alone[-1]))
print(f"before: {before:.0f} %")
### BEGIN SOLUTION
my_guess = 75
### END SOLUTION
check_prediction(my_guess, after, near=5, unit=" %")

# %%
both = rows + [row | {"updates": row["updates"] + updates} for row in alone]
figure = pictures.curves({"student": both}, [f"loss, {game}" for game in games])
for axes in figure.axes:
    axes.axvline(updates, color="black", ls=":")
    axes.set_ylim(bottom=0)
show(
    figure,
    "Each game's loss on unseen states: left of the dotted line the games come in random turns, "
    "right of it every minibatch is of Pong.",
)

# %% [markdown]
# At the dotted line Freeway's loss turns round: this is [forgetting](glossary.md#forgetting). Agreement
# shows it less, since a clear best action stays best for a while. Nobody touched Freeway's controller;
# the torso below it moved away. A learner has no wish to keep what its minibatches do not ask for. So the
# games stay in random turns to the end, the slow one and the quick one.
#
# ## Does it play?
#
# Few games each, to see whether a network taught in a minute plays at all, beside a blind player that
# always takes the teacher's most frequent action. A shipped `multi3`, taught for far longer, is judged
# on its card.


# %%
class Blind(nn.Module):
    """Gives the action that is best most often in `teacher_q`, whatever it sees."""

    def __init__(self, teacher_q):
        super().__init__()
        self.counts = nn.Parameter(
            torch.bincount(teacher_q.argmax(1), minlength=teacher_q.shape[1]).float()
        )

    def forward(self, observation):
        return self.counts.expand(len(observation), -1)


players = {game: Agent(OneGame(network, game), teachers[game].card) for game in games}
config = pdlearn.EvalConfig(episodes=by_budget(smoke=1, fast=5, full=30))
sightless = {game: Agent(Blind(states[game].teacher_q), teachers[game].card) for game in games}
scores = {("ours", game): pdlearn.evaluate(players[game], config).card() for game in games}
scores |= {("blind", game): pdlearn.evaluate(sightless[game], config).card() for game in games}
scores |= {("teacher", game): teachers[game].score for game in games}
for name in [name for name in pdlearn.zoo.names() if name.startswith("multi3/")]:
    whole = pdlearn.zoo.load_all_games(name)
    scores |= {(name, g): whole.for_game(g).score for g in games if g in whole.games}
# %%
table(
    [
        {
            "game": GAMES[game].title,
            "who": who,
            "mean": f"{s['mean']:.1f}",
            "95 % interval": f"{s['low']:.1f} to {s['high']:.1f}",
            "share of the way": f"{share(s['mean'], GAMES[game].random, full):.0%}",
            "games": s["episodes"],
        }
        for (who, game), s in sorted(scores.items(), key=lambda item: item[0][::-1])
        for full in [teachers[game].score["mean"]]
    ]
)

# %% [markdown]
# [Share of the way](glossary.md#share-of-the-way): 0 % for random play, 100 % for the teacher (lesson
# 07). Beware of Freeway: whoever always walks up is far on the way without looking. A network may agree
# with the teacher in many more states than that, and still not cross more often. Pong is the other way
# round: a network must be good at it before its score stirs. A minute of learning is too short for both
# games; what longer learning brings stands further below.

# %%
pdlearn.widgets.compare(
    {"teacher": teachers["freeway"], "ours": players["freeway"]},
    agent_steps=by_budget(smoke=60, fast=300),
)

# %% [markdown]
# ## Exercise 5 · What a loss sees of a game's scale
#
# One game pays a point for a crossing, another 25 for a hop. Say Freeway paid 100 a crossing: all its
# Q-values are 100 times larger. Which loss pulls at the shared torso exactly as before:
# `"mse"`, `"nll"` or `"kl"` at the same temperature?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
unmoved = "nll"
### END SOLUTION
check_choice("What a loss sees of a game's scale", unmoved)

# %%
fresh = TwoGames()
torso = [p for name, p in fresh.named_parameters() if not name.startswith("controllers")]
observation, teacher_q = (part[:256] for part in states["freeway"])


def pull(loss, *arguments):
    """Return the length of the gradient that a loss has in the torso's parameters."""
    gradients = torch.autograd.grad(loss(fresh(observation, "freeway"), *arguments), torso)
    return torch.cat([gradient.flatten() for gradient in gradients]).norm().item()


pulls = {
    "mse": (pull(losses.mse_loss, teacher_q), pull(losses.mse_loss, 100 * teacher_q)),
    "nll": (pull(losses.nll_loss, teacher_q), pull(losses.nll_loss, 100 * teacher_q)),
    "kl at 0.03": [pull(losses.kl_loss, scale * teacher_q, 0.03) for scale in (1, 100)],
    "kl at 0.03 and at 3": [pull(losses.kl_loss, s * teacher_q, s * 0.03) for s in (1, 100)],
}
table(
    [
        {
            "loss": name,
            "pull": once,
            "with values times 100": hundredfold,
            "ratio": hundredfold / once,
        }
        for name, (once, hundredfold) in pulls.items()
    ]
)

# %% [markdown]
# Deep Q-learning's own loss is of MSE's kind: it learns values, so the game with the larger values pulls
# the torso its way. Clipping rewards to -1 and 1 evens out the points, but not how often they come. A
# policy has the same size in every game. The paper counts scale among the reasons why its students hold
# together where a DQN for several games does worse.
#
# ## Exercise 6 · Who moves?
#
# Twenty updates on Freeway, then one on Pong. Somebody cleared the gradients with
# `optimizer.zero_grad(set_to_none=False)`, which writes zeros where the default removes them. Does
# Freeway's controller stand still in Pong's update: `"yes"` or `"no"`?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
stands_still = "no"
### END SOLUTION
check_choice("Who moves?", stands_still)

# %%
for remove in (True, False):
    network_of_20 = TwoGames()
    optimizer = torch.optim.Adam(network_of_20.parameters(), lr=1e-3)
    for game in ["freeway"] * 20 + ["pong"]:
        weight = network_of_20.controllers["freeway"].out.weight.detach().clone()
        optimizer.zero_grad(set_to_none=remove)
        observation, teacher_q = (part[:32] for part in states[game])
        losses.kl_loss(network_of_20(observation, game), teacher_q, 0.03).backward()
        optimizer.step()
    moved = (network_of_20.controllers["freeway"].out.weight - weight).abs().max().item()
    print(f"set_to_none={remove}: Freeway's controller moved by up to {moved:.6f}")

# %% [markdown]
# ## What longer runs say
#
# `multi3.csv` of `docs/results` has networks for several games, each taught by DQN without any teacher,
# by NLL or by KL (`pdlearn reproduce multi3`). Beside them stands the paper's table B2: three games,
# other teachers and other starts. A dash is a run that has not been made.


# %%
def told(row):
    """Return what a row of results says, or dashes where there is none."""
    if row is None:
        return dict.fromkeys(("network for", "seed", "score", "% of the teacher"), "–")
    mean, low, high, percent = (float(row[k]) for k in ("mean", "low", "high", "percent"))
    return {
        "network for": ", ".join(GAMES[game].title for game in row["games"].split()),
        "seed": row["seed"],
        "score": f"{mean:.1f} ({low:.1f} to {high:.1f})",
        "% of the teacher": f"{percent:.1f}",
    }


try:
    ran = results("multi3")
except FileNotFoundError:  # it was not made yet
    ran = []
table(
    [
        {"game": GAMES[game].title, "taught by": label}
        | told(row)
        | {"% in the paper": f"{printed:.1f}"}
        for game, theirs in TABLE_B2.items()
        for label, printed in theirs.items()
        for row in [r for r in ran if (r["game"], r["label"]) == (game, label)] or [None]
    ]
)

# %%
print("the paper, percent of the DQN's score, geometric mean:")
for label, mean in TABLE_B2_MEAN.items():
    print(f"one network for three games, {label}: {mean:.1f}")
print(f"one network for ten games, kl: {TABLE_2_MEAN['kl']:.1f}")

# %% [markdown]
# In the paper, the network that DQN itself taught three games stays behind a DQN of each game's own; the
# one taught by KL does not. Our percentages and the paper's are of different wholes (lesson 10): compare
# the three ways within a column, and no number across two.

# %% [markdown]
# ## Quiz
#
# 1. A minibatch of Pong: which parameters does it teach?
#    <details><summary>Answer</summary>The torso's and those of Pong's controller. No other game's
#    controller.</details>
# 2. Nobody touched Freeway's controller, and yet Freeway was forgotten. How?
#    <details><summary>Answer</summary>The torso that feeds it moved. A controller reads features, and
#    they had come to mean something else.</details>
# 3. Why is a minibatch of one game, not a mixture?
#    <details><summary>Answer</summary>Games have different actions and controllers; one game at a time
#    keeps that simple. Over many minibatches it is a mixture all the same.</details>
# 4. Why does a DQN of several games need clipped rewards, and a student of NLL or KL hardly?
#    <details><summary>Answer</summary>The DQN learns values: the game with larger ones pulls harder.
#    Such a student learns probabilities, which have one scale in all games.</details>
# 5. The mean over two games is 50 % of the way. What do you not know?
#    <details><summary>Answer</summary>Whether both are half learnt, or one wholly and the other not at
#    all. Say every game.</details>

# %% [markdown]
# ## Key points
#
# - One torso for all games, one controller and one memory for each, one game a minibatch.
# - Games in random turns hold together; one after the other, the first is forgotten.
# - Losses of probabilities give every game's pull one scale; losses of values do not.
# - One temperature may mean different things in different games: look at the gaps.
# - What it costs is said game by game.
#
# The paper: section 3 for the method, section 4 with figure 4 and tables 2 and B2; table A2 has the
# sizes. `docs/differences.md` says what our Multi-DQN does otherwise.
