"""Groups of accounts: what ties accounts, which of them act together, under which lasting id."""
