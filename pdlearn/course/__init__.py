"""The course kit: the lessons' exercises as assignments that are set, collected and graded.

`assignments` says what is asked, `notebooks` and `otter` build the sources from the lessons,
`starting` writes a course. `handing` gives out and collects. `marking` tests answers with inputs
from `hidden`. `grading` runs submissions in a confined `kernel`, `artefacts` assesses agents, and
`reports` writes what came out. Students need `marking` alone; nbgrader is for graders.
"""
