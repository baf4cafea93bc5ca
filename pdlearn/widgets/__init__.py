"""Pictures to touch, for notebooks and pages: each runs in the browser, without the kernel.

`widget.save(path)` writes a page that shows it on its own.
"""

from pdlearn.widgets.comparison import compare
from pdlearn.widgets.tempering import temperature

__all__ = ["compare", "temperature"]
