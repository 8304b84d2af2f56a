"""`tarebox container`: what there is for containers, as commands of a group."""

SUMMARY = "manage containers"
ALIASES = {
    "ls": "ps",
    "list": "ps",
    "ps": "ps",
    **{
        name: name
        for name in (
            *(
                "attach",
                "commit",
                "cp",
                "create",
                "diff",
                "exec",
                "export",
                "inspect",
                "kill",
                "logs",
                "pause",
            ),
            *("port", "rename", "restart", "rm", "run", "start", "stats", "stop", "top", "unpause", "update"),
            "wait",
        )
    },
}
