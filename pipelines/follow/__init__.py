"""Follow: events are taken as they come, and scores are kept current."""
