"""Stored play: uniform, prioritised and compressed replay memories, and recordings in files."""
