"""For the browser: recorded clips, self-contained HTML pages, and the player that both use."""
