"""A disclosed campaign, replayed day by day."""
