"""The picture of a build that pages read: filled once, then queried."""
