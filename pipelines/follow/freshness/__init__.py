"""What a refresh reads: the lake with the events beside it, what they add up to, and how much of it at once."""
