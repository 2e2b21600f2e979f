"""Rates, lengths and gaps: assumed, measured, or read from a folder of pools."""
