"""Pictures to touch, for notebooks and pages: all but `play` live in the browser alone.

`widget.save(path)` writes a page that shows it on its own.
"""

from pdlearn.widgets.attending import saliency
from pdlearn.widgets.comparison import compare
from pdlearn.widgets.playing import play
from pdlearn.widgets.tempering import temperature
from pdlearn.widgets.watching import watch

__all__ = ["compare", "play", "saliency", "temperature", "watch"]
