"""What is asked of a page in a browser, at every width and in both schemes."""

import itertools
import json

from exporter import ROOT

WIDTHS = [320, 375, 1024, 1440]
SCHEMES = ["light", "dark"]
AXE = ROOT / ".build" / "python" / "axe" / "axe_playwright_python" / "axe.min.js"

CHECK = """axe.run({resultTypes: ["violations"], rules: RULES}).then(result => JSON.stringify(result.violations.map(
    violation => [violation.id, violation.nodes.length, violation.nodes.slice(0, 3).map(node => node.html.slice(0, 300))]
)))"""

OUTLINE = """JSON.stringify([...document.querySelectorAll("h1,h2,h3,h4")].map(heading => +heading.tagName[1]))"""

# What sticks out of the page to the right, but for what is cut or scrolls on its own.
WIDTH = "document.documentElement.scrollWidth"


def faults(chromium, url, rules=None):
    """What is wrong with a page, a line each."""
    found = []
    base = url.partition("//")[2].partition("/")[0]
    for width in WIDTHS:
        for scheme in SCHEMES:
            where = f"{url} at {width} px, {scheme}: "
            requests, complaints = chromium.open(url, width, scheme)
            outside = [r for r in requests if not r.startswith((f"http://{base}/", "data:image/svg+xml,"))]
            found += [f"{where}asks for {request}" for request in outside]
            if len([r for r in requests if r.startswith("http")]) != 1:
                found.append(f"{where}asks for {requests}")
            found += [f"{where}the console says {complaint}" for complaint in complaints]
            if (wide := chromium.run(WIDTH)) > width:
                found.append(f"{where}is {wide} px wide")
            levels = json.loads(chromium.run(OUTLINE))
            if levels[0] != 1 or levels.count(1) != 1 or any(b > a + 1 for a, b in itertools.pairwise(levels)):
                found.append(f"{where}has headings of levels {levels}")
            chromium.run(AXE.read_text() + ";0")
            found += [f"{where}{v}" for v in json.loads(chromium.run(CHECK.replace("RULES", json.dumps(rules or {}))))]
    return found
