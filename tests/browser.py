"""Opens a page in a real, headless browser and says what a script saw in it."""

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
DARK = "--blink-settings=preferredColorScheme=0"
DRAWN = """
const charts = [...document.querySelectorAll("figure svg[role=img]")].map(svg => ({
  name: svg.closest("article").id,
  width: svg.getBoundingClientRect().width,
  drawn: [...svg.querySelectorAll("use")].filter(mark => {
    const box = mark.getBoundingClientRect();
    const style = getComputedStyle(mark);
    return box.width > 0 && box.height > 0 && style.stroke !== "none" && style.strokeWidth === "0.8px"
      && mark.closest("g[clip-path]");
  }).length,
  words: [...svg.querySelectorAll("text")].filter(word => word.getBoundingClientRect().width > 0).length,
}));
const page = document.documentElement;
return {charts, inner: window.innerWidth, outer: page.scrollWidth, ink: getComputedStyle(page).color};
"""


def opened(page, directory, *flags, script=DRAWN, before="", fragment=""):
    """What the script returned in the page, and what the browser logged to its console.

    The script is the body of an async function; `before` is a whole script that runs ahead of it.
    """
    if BROWSER is None:
        pytest.skip("no Chromium or Chrome is installed")
    probed = directory / "probed.html"
    text = page.read_text(encoding="utf-8")
    probe = (
        f'<pre id="probe" hidden></pre><script>{before}</script><script>(async () => {{{script}}})().then('
        'seen => { document.getElementById("probe").textContent = JSON.stringify(seen); });</script>'
    )
    probed.write_text(text.replace("</body>", f"{probe}</body>"), encoding="utf-8")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    argv = [BROWSER, *FLAGS, *sandbox, f"--user-data-dir={directory / 'profile'}", *flags]
    done = subprocess.run(
        [*argv, probed.as_uri() + fragment], capture_output=True, text=True, timeout=300, check=True
    )
    seen = re.search(r'<pre id="probe" hidden="">(.*?)</pre>', done.stdout, re.DOTALL)
    return json.loads(html.unescape(seen[1])), [
        line for line in done.stderr.splitlines() if ":CONSOLE" in line
    ]
