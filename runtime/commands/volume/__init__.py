"""`tarebox volume`: directories that outlive containers."""

SUMMARY = "manage volumes"
ALIASES = {"list": "volume.ls", "remove": "volume.rm"}
