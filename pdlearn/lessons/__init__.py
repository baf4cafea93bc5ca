"""What the lessons in `notebooks/` need: budgets, recorded results, figures with captions.

`places` finds and copies them, `sources` and `build` make them.
"""

from pdlearn.lessons import pictures
from pdlearn.lessons.page import by_budget, results, show, table

__all__ = ["by_budget", "pictures", "results", "show", "table"]
