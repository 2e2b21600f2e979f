"""What axe-core finds on a page that keeps somebody from using it."""

from typing import TYPE_CHECKING

from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from playwright.sync_api import Page

BARRIERS = {"serious", "critical"}  # controls without a name are among them


def list_barriers(page: "Page") -> list[str]:
    """Each serious or critical finding, with the page, the rule and the element."""
    findings = Axe().run(page).response["violations"]
    return [
        f"{page.url} {finding['id']}: {element['html']}"
        for finding in findings
        if finding["impact"] in BARRIERS
        for element in finding["nodes"]
    ]
