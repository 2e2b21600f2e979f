"""What other programs import: `from stillwatch.client import Client`."""
