"""Functions for the lessons in `notebooks/`: budgets, recorded results, captioned figures.

`places` finds and copies the lessons; `pdlearn.publish.lessons` builds them.
"""

from pdlearn.lessons import measures, pictures
from pdlearn.lessons.page import by_budget, results, show, table

__all__ = ["by_budget", "measures", "pictures", "results", "show", "table"]
