"""Checkers of one network for several games: each minibatch's game, each game's controller."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from pdlearn.exercises.losses import values
from pdlearn.exercises.verdicts import Mistake, Verdict, compare

UPDATES = 1_200
GAMES = ("breakout", "freeway", "pong")


def turns(games: Sequence[str], updates: int, generator: torch.Generator) -> list[str]:
    """Return the game of each of `updates` minibatches, drawn uniformly."""
    drawn = torch.randint(len(games), (updates,), generator=generator)
    return [games[number] for number in drawn.tolist()]


def _without_generator(games, updates, generator):
    return [games[number] for number in torch.randint(len(games), (updates,)).tolist()]


def _never_twice(games, updates, generator):
    ahead = torch.randint(1, len(games), (updates,), generator=generator).cumsum(0)
    return [games[number] for number in (ahead % len(games)).tolist()]


TURNS_MISTAKES = [
    Mistake(
        lambda games, updates, generator: [games[i % len(games)] for i in range(updates)],
        "The games come one after the other, always in this order. It is fair, but the draw must "
        "be random: `torch.randint`.",
    ),
    Mistake(
        lambda games, updates, generator: sorted(turns(games, updates, generator)),
        "All of one game comes before all of the next: by the end, the network forgets the first.",
    ),
    Mistake(
        lambda games, updates, generator: [games[0]] * updates,
        "It is the same game throughout.",
    ),
    Mistake(
        lambda games, updates, generator: turns(games[:-1], updates, generator),
        "The last game is never drawn: `torch.randint(n, …)` gives 0 to n - 1 already.",
    ),
    Mistake(
        _without_generator,
        "The draw does not use `generator`: two runs of one seed would differ.",
    ),
    Mistake(
        lambda games, updates, generator: torch.randint(
            len(games), (updates,), generator=generator
        ).tolist(),
        "These are numbers; return the names: `games[number]`.",
    ),
    Mistake(
        lambda games, updates, generator: turns(games, 1, generator),
        "This is one turn; return a list of `updates` turns.",
    ),
    Mistake(
        lambda games, updates, generator: turns(games, updates, torch.Generator().manual_seed(0)),
        "A new generator of a fixed seed makes the same turns each time. Draw from `generator`.",
    ),
    Mistake(
        lambda games, updates, generator: turns([games[0], *games], updates, generator),
        "One game comes too often. All have the same chance: `torch.randint(len(games), …)`.",
    ),
    Mistake(
        _never_twice,
        "The same game never comes twice in a row, so a turn depends on the one before. Draw each "
        "from all games.",
    ),
    Mistake(
        lambda games, updates, generator: turns(games, updates * len(games), generator),
        "These are `updates` turns for each game; return `updates` turns of all games together.",
    ),
    Mistake(
        lambda games, updates, generator: turns(games, updates - 1, generator),
        "The list is one turn too short: `range(1, n)` has n - 1 numbers.",
    ),
    Mistake(
        lambda games, updates, generator: torch.randint(
            len(games), (updates,), generator=generator
        ),
        "This is a tensor of numbers. Return a list of the games' names.",
    ),
]


def check_turns(function: Callable) -> Verdict:
    """Check a function that draws the game of each minibatch.

    Any fair random draw is right, so facts about the list are compared, not the list.

    Args:
        function: takes the games' names, the number of updates and a `torch.Generator`; returns a
            list of as many names as updates, drawn uniformly

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    return compare(
        function,
        turns,
        [(GAMES, UPDATES)],
        TURNS_MISTAKES,
        praise="Every game has its share, in no order, and the same seed gives the same turns.",
        adapt=_facts_of,
        value_hint="Some games come too often, too seldom or in a pattern.",
    )


def _facts_of(function: Callable) -> Callable:
    """Return a function that computes facts about the turns that `function` returns."""

    def facts(games, updates):
        drawn, again, other = (
            function(games, updates, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
        )
        if not isinstance(drawn, list):
            return drawn
        fair = 1 / len(games)
        off = max(abs(drawn.count(game) / max(len(drawn), 1) - fair) for game in games)
        repeats = sum(a == b for a, b in zip(drawn, drawn[1:], strict=False)) / max(len(drawn), 1)
        rare, frequent = repeats < fair - 0.1, repeats > fair + 0.1
        known = sum(turn in games for turn in drawn) == len(drawn)
        told = [len(drawn), len(set(drawn)), known, off < 0.06, rare, frequent]
        return torch.tensor([*told, drawn == again, drawn != other], dtype=torch.float64)

    return facts


def outputs(torso: nn.Module, controllers: dict, observation: Tensor, game: str) -> Tensor:
    """Return the outputs `[B, A]` of a game: the shared torso, then its own controller."""
    return controllers[game](torso(observation))


OUTPUTS_MISTAKES = [
    Mistake(
        lambda t, c, x, g: next(iter(c.values()))(t(x)),
        "This always uses the first controller; choose it by `game`.",
    ),
    Mistake(
        lambda t, c, x, g: torch.cat([one(t(x)) for one in c.values()], 1),
        "This concatenates the outputs of all games. A softmax over them would give this game's "
        "probability to other games' actions.",
    ),
    Mistake(
        lambda t, c, x, g: torch.softmax(c[g](t(x)), 1),
        "The softmax belongs to the loss: return logits.",
    ),
    Mistake(lambda t, c, x, g: t(x), "These are the torso's features; the controller is missing."),
    Mistake(
        lambda t, c, x, g: c[g](t(x).detach()),
        "The gradient stops before the torso, so the torso would not learn.",
    ),
    Mistake(
        lambda t, c, x, g: list(c.values())[-1](t(x)),
        "This always uses the last controller; choose it by `game`.",
    ),
    Mistake(
        lambda t, c, x, g: c[g](x),
        "The controller reads the observation; the torso is missing.",
    ),
    Mistake(
        lambda t, c, x, g: c[g](t(t(x))),
        "The torso is applied twice.",
    ),
    Mistake(
        lambda t, c, x, g: torch.log_softmax(c[g](t(x)), 1),
        "These are logarithms of probabilities. The loss takes the `log_softmax`: return logits.",
    ),
    Mistake(
        lambda t, c, x, g: torch.relu(c[g](t(x))),
        "No ReLU follows the last layer: a logit may be negative.",
    ),
    Mistake(
        lambda t, c, x, g: c[g](torch.relu(t(x))),
        "Another ReLU is applied to the features. Pass them on as the torso returns them.",
    ),
    Mistake(
        lambda t, c, x, g: c[g](t(x)).argmax(1),
        "These are the best actions; return the outputs of all actions.",
    ),
    Mistake(
        lambda t, c, x, g: c[g](t(x)).max(1).values,
        "This is the largest output of each state; return the outputs of all actions.",
    ),
    Mistake(
        lambda t, c, x, g: c[g](t(x)).mean(0),
        "This is the mean over the minibatch; return outputs for each state.",
    ),
    Mistake(
        lambda t, c, x, g: c[g](t(x / 255)),
        "The observation is divided by 255. The torso does this itself.",
    ),
]


def check_outputs(function: Callable) -> Verdict:
    """Check a function that computes a multi-game network's outputs (paper, section 3).

    Args:
        function: takes the shared torso (a module), the controllers (a dict of modules by game),
            observations and a game's name; returns logits `[B, A]` of that game

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [(values(0), game) for game in ("freeway", "pong")]
    return compare(
        function,
        outputs,
        cases,
        OUTPUTS_MISTAKES,
        praise="One torso for all, one controller for each.",
        adapt=_with_modules,
    )


def _with_modules(function: Callable) -> Callable:
    """Return a function that calls `function` with a small torso and adds whether that learns."""

    def on_modules(observation, game):
        torso = _linear(1, 4, 4)
        controllers = {"freeway": _linear(2, 4, 3), "pong": _linear(3, 4, 6)}
        answer = function(torso, controllers, observation, game)
        if not torch.is_tensor(answer) or not answer.is_floating_point() or answer.ndim != 2:
            return answer
        learns = torch.zeros(len(answer), 1)
        if answer.requires_grad:
            answer.square().sum().backward()
            learns += float(torso.weight.grad is not None)
        return torch.cat([answer.detach(), learns], 1)

    return on_modules


def _linear(seed: int, inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    with torch.no_grad():
        layer.weight.copy_(values(seed, batch=outputs, actions=inputs))
        layer.bias.zero_()
    return layer
