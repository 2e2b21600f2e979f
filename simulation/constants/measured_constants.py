"""Measured lengths and gaps, as a few quantiles; worlds without pools draw from these.

Printed by `python -m benchmarks worlds fit --pools DIR`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from simulation.draws import Floats

# names of the traces that were measured
TRACES: Mapping[str, str] = {
    "azure_conv": "Azure conversation 2023",
    "azure_code": "Azure code 2023",
    "agentic": "sessions of kv-cache-tester",
    "rag": "RAGPulse",
    "servegen": "ServeGen",
    "azure": "Azure 2023, thinned",
}

LEVELS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


def values_at(quantiles: tuple[float, ...], normal: Floats) -> Floats:
    """Turn standard normal draws into values; log-linear between the quantiles, constant beyond them."""
    return np.asarray(np.exp(np.interp(ndtr(normal), LEVELS, np.log(quantiles))), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of inputs and answers as quantiles at `LEVELS`, and the correlation of the normals behind them."""

    inputs: tuple[float, ...]
    answers: tuple[float, ...]
    correlation: float

    def pairs(self, first: Floats, second: Floats) -> tuple[Floats, Floats]:
        """Input and answer from two independent standard normal draws."""
        return values_at(self.inputs, first), values_at(
            self.answers, self.correlation * first + np.sqrt(1.0 - self.correlation**2) * second
        )


TOKENS: Mapping[str, Tokens] = {
    # Azure LLM inference trace 2023, conversation
    "azure_conv": Tokens(
        (40, 181, 247, 390, 407, 972, 1035, 1081, 1140, 1317, 4075, 4086, 4122),
        (16, 38, 50, 71, 88, 102, 141, 213, 393, 405, 428, 463, 612.2),
        0.04,
    ),
    # the same, code
    "azure_code": Tokens(
        (18.08, 74.4, 148, 375.2, 768, 1058, 1454, 1887, 2417, 3243, 5152, 7325, 7436),
        (6, 6, 7, 8, 9, 11, 13, 15, 19, 28, 54, 85, 247.8),
        -0.02,
    ),
    # kv-cache-tester, sessions of agentic coding
    "agentic": Tokens(
        (16150, 34780, 46700, 65170, 80970, 94690, 106600, 116300, 127300, 139300, 206900, 398700, 650900),
        (59, 92, 111, 138, 163, 198, 240, 292, 376, 518, 859, 1384, 3246),
        0.02,
    ),
    # RAGPulse, one service
    "rag": Tokens(
        (1052, 1055, 1104, 1851, 2859, 3019, 3141, 3251, 3365, 3526, 3884, 4270, 5002),
        (19.6, 66, 79, 103, 135, 172.2, 215.5, 264, 322.1, 395.8, 526.7, 613.8, 830.2),
        0.4,
    ),
    # ServeGen, clients: quantiles of each, taken together evenly
    "servegen": Tokens(
        (14.58, 46, 70.5, 133.3, 258, 416.1, 603.1, 841.6, 1241, 1961, 4441, 8269, 17530),
        (1, 1, 1, 6.138, 11.55, 23.04, 41.3, 80.6, 184.2, 359.7, 628.4, 1040, 2325),
        0.39,
    ),
}
# seconds; agentic and rag within sessions, azure between every twentieth arrival
GAPS: Mapping[str, tuple[float, ...]] = {
    "agentic": (4, 8, 9, 11, 13, 16, 19, 24, 32, 50, 130, 264, 1784),
    "rag": (5.25, 11, 14, 20, 24, 30, 37, 46, 61, 93, 239.5, 551, 3041),
    "azure": (0.3052, 0.5396, 0.8924, 1.563, 2.091, 2.577, 2.949, 3.402, 3.936, 4.42, 5.41, 8.655, 39.27),
}
