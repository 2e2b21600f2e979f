"""Campaigns: quality and cost of grouping."""
