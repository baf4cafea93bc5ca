"""The course kit: the lessons' exercises as assignments that are set, collected and graded.

`assignments` says what is asked, `notebooks` builds the sources from the lessons, `hidden` and
`marking` test answers, `grading` runs submissions in a confined `kernel`, `artefacts` assesses
agents and `reports` writes what came out. Students need `marking` alone; nbgrader is for graders.
"""
