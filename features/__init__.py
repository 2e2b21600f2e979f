"""Features: from requests to events, rollups, account features and groups of accounts. Knows no model."""
