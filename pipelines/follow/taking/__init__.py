"""Taking: bodies of requests and messages become events that are durable."""
