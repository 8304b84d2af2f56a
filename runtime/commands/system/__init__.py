"""`tarebox system`: what concerns all of a state."""

SUMMARY = "disk usage, consistency and tidying up"
ALIASES = {"events": "events", "info": "info"}
