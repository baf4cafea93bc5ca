"""`pdlearn evaluate`: the score of an agent."""

import json
from pathlib import Path
from typing import Annotated

import tyro

from pdlearn.commands.options import Device, device_by_name, load_any, network_by_path
from pdlearn.commands.refusals import refuse_unused
from pdlearn.files import check_writable, write_bytes
from pdlearn.presets import EvalConfig
from pdlearn.schema import Range, Seed, Share

EACH_EPISODE = ("scores", "lengths", "starts", "emulator_seeds")


def evaluate(
    agent: Annotated[str, tyro.conf.Positional],
    *,
    game: str | None = None,
    starts: str | None = None,
    episodes: Annotated[int | None, Range(1, 100_000)] = None,
    epsilon: Share | None = None,
    preprocessing: str | None = None,
    student: str | None = None,
    sticky: Share | None = None,
    fire_after_life: bool | None = None,
    seed: Seed = 0,
    device: Device = "auto",
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Evaluate an agent over full episodes: mean raw score with a 95 % interval.

    Args:
        agent: a file, or a shipped agent such as pong/net3
        game: which one, if the agent plays several, or for a file of another library
        starts: begin at recorded starts: zoo for the shipped ones of the game, or a file of
            `pdlearn starts` (default: 0 to 29 no-ops, each equally often)
        episodes: full episodes played (default: 30, or one from each of the starts)
        epsilon: the agent's exploration (default: 0.05, or that of the foreign agent's maker)
        preprocessing: profile of a file of another library, such as sb3 (default: the library's)
        student: the class of the network if it is your own, package.module:Class
        sticky: probability of a repeated action (default: the agent's, 0 for ours)
        fire_after_life: press FIRE after a lost life (default: as the agent's preprocessing has it)
        seed: of the exploration and the games; training never sees these games
        device: where the network lives
        json_file: also write the result to this file
    """
    from pdlearn import evaluation, zoo
    from pdlearn.registry import register_network
    from pdlearn.starts import load_starts

    if json_file is not None:
        check_writable(json_file)
    kind = None if student is None else register_network(network_by_path(student))
    evaluated = load_any(agent, game, preprocessing, device_by_name(device))
    if kind is not None and not isinstance(evaluated.network, kind):
        refuse_unused(f"with {agent}, whose network is another", student=student)
    begun = None
    if starts is not None:
        begun = load_starts(evaluated.game if starts == "zoo" else starts, evaluated.game)
        begun = begun if episodes is None else begun.first(episodes)
    count = EvalConfig.episodes if episodes is None else episodes
    profile = evaluation.profile_of(evaluated)
    config = EvalConfig(
        episodes=count, epsilon=profile.evaluation_epsilon if epsilon is None else epsilon,
        sticky_action_probability=sticky, fire_after_life=fire_after_life,
    )  # fmt: skip
    result = evaluation.evaluate(evaluated, config, seed, begun, progress=agent)
    facts = result.card()
    # The teacher's score on its card is from no-op starts, and not to be compared with another.
    same = begun is None and evaluation.profile_of(evaluated, config).is_ours
    teacher = zoo.score_of(f"{evaluated.game}/teacher") if same else None
    if teacher is not None and teacher > 0:
        facts["percent_of_teacher"] = 100 * result.mean / teacher
    print(
        f"{agent}: {facts['mean']:.2f} [{facts['low']:.2f}, {facts['high']:.2f}] "
        f"over {facts['episodes']} episodes of {facts['mean_steps']:.0f} steps, "
        f"{facts['truncated']} cut by the frame cap; {result.begun}"
    )
    if "percent_of_teacher" in facts:
        print(f"{facts['percent_of_teacher']:.1f} % of {evaluated.game}/teacher ({teacher:.2f})")
    if json_file is not None:
        each = {key: getattr(result, key) for key in EACH_EPISODE}
        write_bytes(json_file, (json.dumps({**facts, **each}, indent=1) + "\n").encode())
