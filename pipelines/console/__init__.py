"""The console's pipelines: the picture of a build, decisions into the lake, and the server."""
