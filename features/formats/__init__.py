"""Input files become rows that keep the contract."""
