"""Agents of other libraries as teachers."""
