"""Upkeep of a workspace: erasing accounts, retention, size, older schemas."""
