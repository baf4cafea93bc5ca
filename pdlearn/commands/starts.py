"""`pdlearn starts`: states of a game to judge agents from."""

from pathlib import Path
from typing import Annotated

import tyro

from pdlearn.commands.options import Game
from pdlearn.progress import Bar


def starts(
    game: Game,
    file: Annotated[Path, tyro.conf.Positional],
    count: int = 100,
    seed: int = 0,
) -> None:
    """Record starts of a game that `pdlearn evaluate --starts` judges from; no agent is needed.

    Args:
        game: one of the ten, or a Gymnasium id
        file: where to write them
        count: how many; each comes from the first fifth of an episode of its own
        seed: of the random play that leads to them
    """
    from pdlearn.starts import Starts, save_starts
    from pdlearn.starts.recorder import card_of, random_play, record_starts, verify

    card = card_of(game, random_play(seed))
    bar = Bar(f"starts {game}", count, "starts")
    entries = []
    for start in record_starts(game, count, seed):
        entries.append(start)
        bar.update(len(entries))
    bar.close()
    made = Starts(game, tuple(entries), card)
    verify(made)
    save_starts(file, made)
    longest = max(len(start.actions) for start in entries)
    print(
        f"{file}: {count} starts, the longest of {longest} agent steps, "
        f"{file.stat().st_size / 1e3:.0f} kB, each replayed and found the same"
    )
