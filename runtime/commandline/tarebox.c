/* tarebox: starts the interpreter for the command line without what `site` and the search for modules cost.
 *
 * The build defines PYTHON, the interpreter where none is beside this program; BOOTSTRAP, the program it runs;
 * and PACKAGES, where that finds our packages, relative to the directory of this program or absolute.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **arguments)
{
    char own[PATH_MAX], packages[2 * PATH_MAX], neighbour[PATH_MAX + 16];
    char *argv[count + 10], **next = argv;
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);

    own[length > 0 ? length : 0] = '\0';
    *(strrchr(own, '/') ?: own) = '\0';
    snprintf(neighbour, sizeof neighbour, "%s/python3", own);
    snprintf(packages, sizeof packages, "%s%s%s", *PACKAGES == '/' ? "" : own, *PACKAGES == '/' ? "" : "/", PACKAGES);
    char *python = access(neighbour, X_OK) ? PYTHON : neighbour;
    char *options[] = {python, "-S", "-I", "-X", "utf8=1", "-c", BOOTSTRAP, packages, own};
    next = mempcpy(next, options, sizeof options);
    memcpy(next, arguments + 1, count * sizeof *next);
    execv(python, argv);
    fprintf(stderr, "tarebox: no interpreter at %s: %s; install tarebench again\n", python, strerror(errno));
    return 125;
}
