"""Pipelines: the commands and the steps behind each. The only room that reads the environment and the clock."""
