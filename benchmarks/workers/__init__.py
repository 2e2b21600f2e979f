"""What more workers bring: on this machine and on a Ray cluster."""
