"""What a browser shows: clips of play, pages that hold all they show, and the player of both."""
