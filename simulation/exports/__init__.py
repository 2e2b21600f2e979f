"""A world as tables: accounts, labels, enforcement, releases, and how a careless exporter would spoil them."""
