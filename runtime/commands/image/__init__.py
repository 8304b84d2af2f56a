"""`tarebox image`: what there is for images, as commands of a group."""

SUMMARY = "manage images"
ALIASES = {
    "ls": "images",
    "list": "images",
    "rm": "rmi",
    **{name: name for name in ("history", "import", "load", "pull", "push", "save", "tag")},
}
