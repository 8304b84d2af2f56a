"""The log file that runc's callers read a failure's reason from."""

from __future__ import annotations

import time

from runtime import light


def append(path: str, form: str, level: str, text: str) -> None:
    """Add one line in logrus's text or JSON form, as runc's callers parse it."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    entry = {"level": level, "msg": text, "time": moment}
    line = light.dumps(entry)
    if form == "text":
        line = f'time="{moment}" level={level} msg={light.dumps(text)}'
    with open(path, "a", encoding="utf-8") as file:
        file.write(line + "\n")
