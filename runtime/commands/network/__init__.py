"""`tarebox network`: bridges, and who is on them."""

SUMMARY = "manage networks"
ALIASES = {"list": "network.ls", "remove": "network.rm"}
