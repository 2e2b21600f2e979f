"""One file per family of features: pure read-outs of a `History`, whose contract rows stand in `features.catalogue`.

The two rooms stay apart: a read-out needs the lake, while serving reads only the contract rows and must not load it.
`features.catalogue` says what a new family needs, and in which order families are read out.
"""
