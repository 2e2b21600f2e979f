"""Check that the model of a Bento is signed, from a process that has not the library for it.

python -m serving.champion.proof BENTO KEY
"""

import sys
from pathlib import Path

from features.errors import StillwatchError
from serving.package import verify_bento
from training.models.signing import verifier


def main() -> None:
    """End with 0 if the model is signed by the owner of the public key, else with 1 and one sentence."""
    bento, key = map(Path, sys.argv[1:])
    try:
        verify_bento(bento, verifier(key))
    except StillwatchError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
