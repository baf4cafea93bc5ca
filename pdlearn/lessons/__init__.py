"""Functions for the lessons in `notebooks/`: budgets, recorded results, captioned figures.

`places` finds and copies the lessons; `pdlearn.publish.lessons` builds them.
"""

from pdlearn.lessons import pictures
from pdlearn.lessons.page import by_budget, results, show, table

__all__ = ["by_budget", "pictures", "results", "show", "table"]
