"""`pdlearn record`: a teacher's play into a file."""

from pathlib import Path
from typing import Annotated

import tyro

from pdlearn.commands.options import Game, teachers_of
from pdlearn.files import check_writable
from pdlearn.presets import MemorySteps
from pdlearn.progress import Bar
from pdlearn.schema import Seed, Share


def record(
    game: Game,
    file: Annotated[Path, tyro.conf.Positional],
    *,
    teacher: str | None = None,
    preprocessing: str | None = None,
    agent_steps: MemorySteps = 54_000,
    epsilon: Share = 0.05,
    seed: Seed = 0,
) -> None:
    """Record a teacher's play to a file that `pdlearn distill --recording` learns from.

    Args:
        game: the game that the teacher plays
        file: where to write it
        teacher: a file, also of another library, or a shipped agent (default: GAME/teacher)
        preprocessing: profile of a file of another library, such as sb3 (default: the library's)
        agent_steps: how long; a paper hour is 54,000
        epsilon: the teacher's exploration
        seed: of the exploration and the games
    """
    import torch

    from pdlearn.replay.collecting import begin_recording, student_profile
    from pdlearn.replay.collecting import record as fill
    from pdlearn.replay.recordings import save_recording

    check_writable(file)
    (agent,) = teachers_of((game,), () if teacher is None else (teacher,), preprocessing)
    generator = torch.Generator().manual_seed(seed)
    memory, play = begin_recording(
        agent, 16, agent_steps, epsilon=epsilon, generator=generator, seed=seed, purpose="collect"
    )
    bar = Bar(f"record {game}", agent_steps, "steps")
    for count in fill(play, memory, agent_steps):
        bar.update(count)
    bar.close()
    play.close()
    seen = agent.card["preprocessing"]
    if "recognised" in agent.card["made"]:
        seen = student_profile(agent).card()
    card = {"game": game, "actions": agent.actions, "preprocessing": seen}
    card |= {"teacher": teacher or f"{game}/teacher", "epsilon": epsilon, "seed": seed}
    save_recording(file, memory, card)
    print(f"{file}: {len(memory):,} states, {file.stat().st_size / 1e6:.1f} MB")
