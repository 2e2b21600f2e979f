"""Pipelines: the commands, and the order of steps behind each. The only room that reads environment and clock."""
