"""What servers show of themselves: metrics, logs and request ids, without a word about accounts."""
