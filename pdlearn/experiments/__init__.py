"""The experiments of the paper, and what came after it, on the shipped teachers."""
