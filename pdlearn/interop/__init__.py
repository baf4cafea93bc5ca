"""Agents of other libraries as teachers, and pdlearn's agents for other programs."""

from pdlearn.interop.teachers import load_teacher as load_teacher
