"""The way to LightGBM: the library itself, without what makes its import slow.

LightGBM imports scikit-learn and pandas, if they are there, for classes and frames that nobody gives it here; that
takes 1.5 s of processor time, as long as all else that a server needs. So it is told that there are none, unless
somebody has loaded them already.
"""

import sys

_HIDDEN = [name for name in ("sklearn", "pandas") if name not in sys.modules]
sys.modules.update(dict.fromkeys(_HIDDEN))  # type: ignore[arg-type]  # an import of None raises ImportError
try:
    import lightgbm
finally:
    for name in _HIDDEN:
        del sys.modules[name]

__all__ = ["lightgbm"]
