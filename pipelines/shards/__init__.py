"""Work on all accounts, split by account or by key into units that any engine runs."""
