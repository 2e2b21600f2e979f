"""Kills in the middle, and poisoned labels."""
