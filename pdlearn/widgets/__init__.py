"""Interactive widgets for notebooks and web pages. All but `play` and `watch` need no kernel.

`widget.save(path)` writes a page that shows the widget alone.
"""

from pdlearn.widgets.attending import saliency
from pdlearn.widgets.comparison import compare
from pdlearn.widgets.games import all_games
from pdlearn.widgets.playing import play
from pdlearn.widgets.tempering import temperature
from pdlearn.widgets.watching import watch

__all__ = ["all_games", "compare", "play", "saliency", "temperature", "watch"]
