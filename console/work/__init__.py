"""What analysts do: claims, cases, decisions, and what they set in motion."""
