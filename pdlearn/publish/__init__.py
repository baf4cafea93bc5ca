"""For maintainers: ship agents, build the lessons and the pages of results."""
