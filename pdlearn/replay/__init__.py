"""What is kept of play: the replay memory, drawn evenly or by priority, compressed, in a file."""
