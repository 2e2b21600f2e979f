"""How pages are served: routes, permissions, forms, headers."""
