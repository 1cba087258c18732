"""What the stages of a pipeline do to the lines of one chunk, all at once."""
