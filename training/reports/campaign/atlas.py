"""What campaigns do in the words of MITRE ATLAS: the techniques of case study AML.CS0056 that a request log can show.

Ids and names are those of ATLAS 5.6 (`data/techniques.yaml`, `data/tactics.yaml`, `data/case-studies/AML.CS0056.yaml`).
The case's other techniques (AML.T0048.002 to .004, harms after the theft) happen where no log of a provider reaches.
"""

from dataclasses import dataclass

VERSION = "5.6.0"
CASE = "AML.CS0056"
CASE_NAME = "Model Distillation Campaigns Targeting Anthropic Claude"
SITE = "https://atlas.mitre.org"


@dataclass(frozen=True, slots=True)
class Technique:
    """A technique of ATLAS with its tactic."""

    code: str
    name: str
    tactic: str
    tactic_name: str

    @property
    def url(self) -> str:
        """Its page."""
        return f"{SITE}/techniques/{self.code}"

    @property
    def parent(self) -> str | None:
        """The id of the technique that it is a part of; None if it is none."""
        head, dot, _ = self.code.removeprefix("AML.").partition(".")
        return f"AML.{head}" if dot else None


EXTRACT = Technique("AML.T0024.002", "Extract AI Model", "AML.TA0010", "Exfiltration")
API_ACCESS = Technique("AML.T0040", "AI Model Inference API Access", "AML.TA0000", "AI Model Access")
PROMPT_CRAFTING = Technique("AML.T0065", "LLM Prompt Crafting", "AML.TA0003", "Resource Development")
SERVICE_PROXIES = Technique("AML.T0008.005", "AI Service Proxies", "AML.TA0003", "Resource Development")
PARENT_NAMES = {"AML.T0024": "Exfiltration via AI Inference API", "AML.T0008": "Acquire Infrastructure"}


def techniques(*, has_templates: bool, has_networks: bool) -> tuple[Technique, ...]:
    """The techniques that a campaign shows.

    Args:
        has_templates: its members share parts of prompts.
        has_networks: its members share addresses or subnets, as through a proxy.
    """
    shown = (EXTRACT, API_ACCESS)
    return shown + (PROMPT_CRAFTING,) * has_templates + (SERVICE_PROXIES,) * has_networks
