"""Reports for people: text, plots and one HTML page; each takes a plain `Report`."""
