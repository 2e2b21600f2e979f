"""The input files of an ingest: checked before anything is stored, and what deserves a look."""
