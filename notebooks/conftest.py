"""`pytest --nbval-lax notebooks` runs every lesson at the smoke budget."""

import os

os.environ.setdefault("PDLEARN_BUDGET", "smoke")
collect_ignore = ["exercises"]  # tests/test_lessons.py runs them and reads what the checks say
