"""Access: keys with scopes, limits for wrong tries, and the audit log."""
