"""Record the site's gallery and the README's moving picture from the shipped agents.

python -m pdlearn.publish.gallery [GAME ...]    # these games, or all, and the moving picture

A game's page, docs/_extra/gallery/GAME.html, is the widget `compare` with the teacher and its
students. docs/gallery.md shows the pages that there are.
"""

import html
import re
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from PIL import Image, ImageDraw, ImageFont

from pdlearn import zoo
from pdlearn.envs import STEPS_PER_SECOND
from pdlearn.games import GAMES, game_by_name
from pdlearn.networks import parameter_count
from pdlearn.web.clips import Clip, record_clip
from pdlearn.widgets import compare

PAGES, GALLERY = "docs/_extra/gallery", "docs/gallery.md"
PICTURE = "notebooks/images/breakout.webp"
COLOURS = ["#6db8e8", "#eeb457"]  # teacher and student on a dark ground
# A game in which teacher and student open a way behind the wall at the same time.
SHOWN, SHOWN_SEED, SHOWN_FROM, SHOWN_TO = "breakout", 22, 1030, 1290
CLIP_STEPS, SEED = 200, 1
TOP = f"""# Gallery

Each game's teacher beside its students, {CLIP_STEPS / STEPS_PER_SECOND:.0f} seconds from the same
start. The bars are the networks' outputs for each action; the scrubber shows any moment. Built from
the shipped agents by `python -m pdlearn.publish.gallery`.
"""


def cast_of(game: str) -> list[str]:
    """Return the names of the agents that a game's page shows: the teacher first, at most four."""
    students = [name for name in zoo.names() if re.match(rf"{game}/net[123]$", name)]
    if not students:
        students = [
            name
            for name in zoo.names()
            if name.startswith("multi") and game in zoo.load_all_games(name).games
        ]
    return [f"{game}/teacher", *students][:4]


def record_page(game: str, folder: Path) -> None:
    """Write the page of a game; a game without a student has none."""
    names = cast_of(game)
    if len(names) > 1:
        agents = {name.removeprefix(f"{game}/"): zoo.load(name, game) for name in names}
        folder.mkdir(parents=True, exist_ok=True)
        compare(agents, game, SEED, agent_steps=CLIP_STEPS).save(folder / f"{game}.html")


def gallery(folder: Path) -> str:
    """Return the text of docs/gallery.md: a frame for each page in `folder`."""
    parts = [TOP]
    for game in GAMES.values():
        page = folder / f"{game.name}.html"
        if page.exists():
            alt = re.search(r'<noscript><img alt="([^"]*)"', page.read_text("utf-8"))
            assert alt is not None, page
            parts.append(
                f"## {game.title}\n\n"
                f'<iframe class="widget" loading="lazy" src="gallery/{game.name}.html" '
                f'title="{html.escape(html.unescape(alt[1]))}"></iframe>\n'
            )
    return "\n".join(parts)


def side_by_side(
    clips: list[Clip], captions: list[str], colours: list[str], *, first: int
) -> list[Image.Image]:
    """Return the pictures of the clips beside each other, each below its caption and its score.

    They begin at the agent step `first`.
    """
    font, small = ImageFont.load_default(15), ImageFont.load_default(12)
    width, height, gap, top = 160 * 2, 210 * 2, 16, 52
    size = (len(clips) * width + (len(clips) + 1) * gap, height + top + gap)
    pictures = []
    for moment in range(first, min(len(clip.frames) for clip in clips)):
        picture = Image.new("RGB", size, "#141518")
        draw = ImageDraw.Draw(picture)
        for index, (clip, caption, colour) in enumerate(zip(clips, captions, colours, strict=True)):
            left = gap + index * (width + gap)
            draw.text((left, 8), clip.name, colour, font)
            draw.text((left, 29), caption, "#a2a5ac", small)
            points = f"score {clip.scores[moment]:g}"
            draw.text((left + width, 8), points, "#ecedee", font, anchor="ra")
            screen = Image.fromarray(clip.palette[clip.frames[moment]].astype(np.uint8))
            picture.paste(screen.resize((width, height), Image.Resampling.NEAREST), (left, top))
        pictures.append(picture)
    return pictures


def record_picture(path: Path) -> None:
    """Write the moving picture of a game's teacher and its student net3."""
    agents = {"teacher": zoo.load(f"{SHOWN}/teacher"), "student": zoo.load(f"{SHOWN}/net3")}
    clips = [
        record_clip(name, agent, seed=SHOWN_SEED, agent_steps=SHOWN_TO)
        for name, agent in agents.items()
    ]
    captions = [f"{parameter_count(agent.network):,} parameters" for agent in agents.values()]
    first, *rest = side_by_side(clips, captions, COLOURS, first=SHOWN_FROM)
    path.parent.mkdir(parents=True, exist_ok=True)
    first.save(
        path, save_all=True, append_images=rest, duration=int(1000 / STEPS_PER_SECOND), loop=0,
        lossless=True, quality=90, method=6,
    )  # fmt: skip


def build(
    games: Annotated[tuple[str, ...], tyro.conf.Positional] = (), root: Path = Path(".")
) -> None:
    """Record the pages of games, the gallery and the moving picture.

    Args:
        games: the games to record; all if none is given
        root: the clone
    """
    for game in [game_by_name(name).name for name in games] or list(GAMES):
        record_page(game, root / PAGES)
        print(game, flush=True)
    (root / GALLERY).write_text(gallery(root / PAGES), "utf-8")
    record_picture(root / PICTURE)


if __name__ == "__main__":
    tyro.cli(build)
