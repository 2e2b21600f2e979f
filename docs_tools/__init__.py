"""What builds pages and pictures of the docs."""
