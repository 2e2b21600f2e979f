"""Campaigns: who is in which as of a time, and the tables that a command writes of them."""
