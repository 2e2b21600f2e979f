"""Who may do what: users, passwords, roles and sessions."""
