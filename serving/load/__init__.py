"""What keeps the endpoint answering under load: limits on connections, headers, bodies and calls; an even pace."""
