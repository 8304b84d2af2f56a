"""Opens a page in a real, headless browser and says what a script saw in it."""

import html
import json
import re
import subprocess

import pytest

from reports.browser import command
from tare.errors import TareError

FLAGS = ("--enable-logging=stderr", "--v=0", "--dump-dom")
DRAWN = r"""
const charts = [...document.querySelectorAll("figure svg[role=img]")].map(svg => ({
  name: svg.closest("article").id,
  width: svg.getBoundingClientRect().width,
  drawn: [...svg.querySelectorAll("path[clip-path]")].map(path => {
    const id = /#([^")]+)/.exec(getComputedStyle(path).markerMid);
    const box = path.getBoundingClientRect();
    const look = id && getComputedStyle(document.getElementById(id[1]).firstElementChild);
    const seen = look && look.stroke !== "none" && look.strokeWidth === "0.8px" && box.left > 0;
    return seen ? path.getAttribute("d").match(/[-\d.]+ [-\d.]+/g).length : 0;
  }).reduce((sum, points) => sum + points, 0),
  words: [...svg.querySelectorAll("text")].filter(word => word.getBoundingClientRect().width > 0).length,
}));
const page = document.documentElement;
return {charts, inner: window.innerWidth, outer: page.scrollWidth, ink: getComputedStyle(page).color};
"""


def opened(page, directory, *flags, script=DRAWN, before="", fragment=""):
    """What the script returned in the page, and what the browser logged to its console.

    The script is the body of an async function; `before` is a whole script that runs ahead of it.
    """
    probed = directory / "probed.html"
    text = page.read_text(encoding="utf-8")
    probe = (
        f'<pre id="probe" hidden></pre><script>{before}</script><script>(async () => {{{script}}})().then('
        'seen => { document.getElementById("probe").textContent = JSON.stringify(seen); });</script>'
    )
    probed.write_text(text.replace("</body>", f"{probe}</body>"), encoding="utf-8")
    try:
        argv = command(probed.as_uri() + fragment, directory / "profile", *FLAGS, *flags)
    except TareError as error:
        pytest.skip(str(error))
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=True)
    seen = re.search(r'<pre id="probe" hidden="">(.*?)</pre>', done.stdout, re.DOTALL)
    return json.loads(html.unescape(seen[1])), [
        line for line in done.stderr.splitlines() if ":CONSOLE" in line
    ]
