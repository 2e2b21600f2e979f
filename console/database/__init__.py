"""The console's own state: users, sessions, cases, decisions, and an indexed picture of the last build."""
