"""`pdlearn zoo`: the shipped agents."""

import math
from collections.abc import Iterator
from typing import Annotated, Literal

import tyro

from pdlearn.commands.bars import evaluate
from pdlearn.commands.refusals import refuse_unused
from pdlearn.presets import EvalConfig, Few
from pdlearn.schema import Seed


def zoo(
    action: Annotated[Literal["list", "check"], tyro.conf.Positional] = "list",
    episodes: Few | None = None,
    seed: Seed | None = None,
) -> None:
    """List the shipped agents with size and score, or check their scores.

    Args:
        action: list, or check, which evaluates each agent and compares it with its card
        episodes: full episodes of each agent (check only; default: 10)
        seed: seed of the exploration and the games (check only; default: 2)
    """
    from pdlearn import zoo
    from pdlearn.networks import parameter_count

    if action == "check":
        outside = []
        config = EvalConfig(episodes=episodes or 10)
        for name, agent in _parts():
            result = evaluate(agent, config, 2 if seed is None else seed, name)
            (low, high), card = result.interval, agent.score
            fits = zoo.within_card(agent, result)
            print(
                f"{name:25s} {result.mean:9.1f} [{low:.1f}, {high:.1f}], card "
                f"{card['mean']:.1f} [{card['low']:.1f}, {card['high']:.1f}]"
                f"{'' if fits else ': outside'}",
                flush=True,
            )
            outside += [] if fits else [name]
        if outside:
            raise ValueError(f"outside their card: {', '.join(outside)}")
        return
    refuse_unused("with list", episodes=episodes, seed=seed)
    print(f"{'name':25s} {'parameters':>10s} {'kB':>6s} {'score':>9s}  95 % interval")
    for name, agent in _parts():
        score = agent.score
        kilobytes = zoo.path(name.split()[0]).stat().st_size / 1e3
        print(
            f"{name:25s} {parameter_count(agent.network):10,d} {kilobytes:6.0f} "
            f"{score.get('mean', math.nan):9.1f}  "
            f"[{score.get('low', math.nan):.1f}, {score.get('high', math.nan):.1f}] "
            f"over {score.get('episodes', 0)} episodes"
        )


def _parts() -> Iterator[tuple]:
    """Yield each shipped agent with its name, a network for several games once for each game."""
    from pdlearn import zoo

    for name in zoo.names():
        agent = zoo.load_all_games(name)
        for game in agent.games:
            yield f"{name} {game}" if len(agent.games) > 1 else name, agent.for_game(game)
