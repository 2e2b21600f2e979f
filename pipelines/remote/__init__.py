"""Workspaces on an object store: their objects, their lock, and the folder with copies that commands work in."""
