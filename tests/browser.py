"""Opens a report in a real, headless browser and says what it drew."""

import html
import json
import os
import re
import shutil
import subprocess

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--enable-logging=stderr",
    "--v=0",
    "--dump-dom",
]
PROBE = """
<pre id="probe"></pre>
<script>
const charts = [...document.querySelectorAll("figure svg[role=img]")].map(svg => ({
  name: svg.closest("article").id,
  width: svg.getBoundingClientRect().width,
  drawn: [...svg.querySelectorAll("use")].filter(mark => {
    const box = mark.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && getComputedStyle(mark).stroke !== "none";
  }).length,
  words: [...svg.querySelectorAll("text")].filter(word => word.getBoundingClientRect().width > 0).length,
}));
const page = document.documentElement;
document.getElementById("probe").textContent = JSON.stringify({
  charts, inner: window.innerWidth, outer: page.scrollWidth, ink: getComputedStyle(page).color,
});
</script>
"""


def opened(page, directory, *flags):
    """What the probe saw in the page, and what the browser logged to its console."""
    if BROWSER is None:
        pytest.skip("no Chromium or Chrome is installed")
    probed = directory / "probed.html"
    text = page.read_text(encoding="utf-8")
    probed.write_text(text.replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    argv = [BROWSER, *FLAGS, *sandbox, f"--user-data-dir={directory / 'profile'}", *flags, probed.as_uri()]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
    seen = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    return json.loads(html.unescape(seen[1])), [
        line for line in done.stderr.splitlines() if ":CONSOLE" in line
    ]
