"""The way to LightGBM: the library itself, without what makes its import slow.

LightGBM imports scikit-learn, if that is there, for classes that nobody uses here; that takes a second of processor
time, as long as all else that a server needs. So it is told that there is none, unless somebody has loaded it already.
"""

import sys

_HIDDEN = "sklearn"
is_loaded = _HIDDEN in sys.modules
if not is_loaded:
    sys.modules[_HIDDEN] = None  # type: ignore[assignment]  # an import of it raises ImportError
try:
    import lightgbm
finally:
    if not is_loaded:
        del sys.modules[_HIDDEN]

__all__ = ["lightgbm"]
