/* Commands that need no interpreter, as it would take most of their time. */

#pragma once

#include <stdbool.h>

struct command {
    const char *root;
    const char *name;
    char **arguments;
};

/* Each is true when the command is done, and false where something is unusual: Python does those. What was
 * done by then is no fault to it. */
bool start(const struct command *command);
bool delete(const struct command *command);
