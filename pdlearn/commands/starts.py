"""`pdlearn starts`: record states of a game from which evaluations start."""

from pathlib import Path
from typing import Annotated

import tyro

from pdlearn.commands.options import Game
from pdlearn.files import check_writable
from pdlearn.presets import Few
from pdlearn.progress import Bar
from pdlearn.schema import Seed


def starts(
    game: Game,
    file: Annotated[Path, tyro.conf.Positional],
    count: Few = 100,
    seed: Seed = 0,
) -> None:
    """Record starts of a game for `pdlearn evaluate --starts`, by random play.

    Args:
        game: one of the ten, or a Gymnasium id
        file: the file to write
        count: number of starts; each is from the first fifth of a different episode
        seed: seed of the random play
    """
    from pdlearn.starts import Starts, save_starts
    from pdlearn.starts.recorder import card_of, random_play, record_starts, verify

    check_writable(file)
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
        f"{file.stat().st_size / 1e3:.0f} kB, each verified by a replay"
    )
