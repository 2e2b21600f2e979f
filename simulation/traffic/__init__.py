"""When requests arrive, how long they are, and where they come from."""
