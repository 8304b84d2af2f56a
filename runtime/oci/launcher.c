/* tarebox-oci: starts the interpreter for the OCI runtime's command line, the cheapest way there is.
 *
 * For commands that enter a container the interpreter is sealed first: the container may get hold of it
 * through /proc/PID/exe, and must not write to the host's file (CVE-2019-5736). See runtime/oci/sealed.py.
 *
 * `start` and `delete` are done without Python when nothing is unusual; see shortcuts.c.
 *
 * The build defines PYTHON, the interpreter itself, as its link in a virtual environment costs a search;
 * LIBRARIES, the directory of its shared library, or ""; BOOTSTRAP, the program it runs; and PACKAGES, where
 * that finds our packages, relative to the directory of this program or absolute.
 */

#define _GNU_SOURCE
#include "shortcuts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

/* The options before the command; false where Python has to look at them. */
static bool parse(char **arguments, struct command *found)
{
    static const char *const values[] = {"--root", "--log", "--log-format"};

    for (; *arguments && **arguments == '-'; arguments++) {
        const char *value = NULL;

        if (!strcmp(*arguments, "--debug") || !strcmp(*arguments, "--systemd-cgroup"))
            continue;
        for (size_t i = 0; i < sizeof values / sizeof *values && !value; i++) {
            size_t length = strlen(values[i]);

            if (strncmp(*arguments, values[i], length))
                continue;
            if ((*arguments)[length] == '=')
                value = *arguments + length + 1;
            else if (!(*arguments)[length] && arguments[1])
                value = *++arguments;
            if (value && i == 0)
                found->root = value;
        }
        if (!value)
            return false;
    }
    found->name = *arguments;
    found->arguments = arguments + 1;
    return found->name != NULL;
}

static int copy_into_memory(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC), copy;
    struct stat status;

    if (file < 0 || fstat(file, &status))
        return -1;
    copy = memfd_create("python", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (copy < 0)
        copy = memfd_create("python", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    for (off_t offset = 0; offset < status.st_size;)
        if (sendfile(copy, file, &offset, status.st_size - offset) <= 0)
            return -1;
    close(file);
    return fcntl(copy, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) ? -1 : copy;
}

/* A descriptor of the file on a read-only mount of its own, or in memory where we may not mount; or -1. */
static int seal(const char *path)
{
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    int mount = syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

    if (mount >= 0 && !syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &read_only, sizeof read_only))
        return mount;
    return copy_into_memory(path);
}

static bool enters_container(const struct command *command)
{
    return !strcmp(command->name, "run") || !strcmp(command->name, "create") || !strcmp(command->name, "exec");
}

/* What enters a container can be looked through there, by who has CAP_SYS_PTRACE, and has no secrets of ours. */
static void forget_environment(void)
{
    static const char *const kept[] = {"PATH=", "LISTEN_FDS=", "XDG_RUNTIME_DIR=", "DBUS_SYSTEM_BUS_ADDRESS=",
                                       "DBUS_SESSION_BUS_ADDRESS="};
    char **next = environ;

    for (char **entry = environ; *entry; entry++)
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
            if (!strncmp(*entry, kept[i], strlen(kept[i])))
                *next++ = *entry;
    *next = NULL;
}

static void interpret(int count, char **arguments, const struct command *command)
{
    char own[PATH_MAX], packages[2 * PATH_MAX], neighbour[PATH_MAX + 16];
    char *argv[count + 10], **next = argv;
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);

    own[length > 0 ? length : 0] = '\0';
    *(strrchr(own, '/') ?: own) = '\0';
    snprintf(packages, sizeof packages, "%s%s%s", *PACKAGES == '/' ? "" : own, *PACKAGES == '/' ? "" : "/", PACKAGES);
    if (access(PYTHON, X_OK) == 0 && access(packages, X_OK) == 0) {
        static char *const options[] = {PYTHON, "-S", "-I", "-X", "utf8=1", "-c", BOOTSTRAP};

        next = mempcpy(next, options, sizeof options);
        *next++ = packages;
        memcpy(next, arguments + 1, count * sizeof *next);
        if (!command || enters_container(command))
            forget_environment();
        /* No locale to load, as utf8=1 stands above it; and one pass over the symbols is cheaper than many. */
        setenv("LC_ALL", "C", 1);
        setenv("LD_BIND_NOW", "1", 1);
        setenv("TAREBOX_OCI_DIRECTORY", own, 1);
        if (*LIBRARIES)
            setenv("LD_LIBRARY_PATH", LIBRARIES, 1);
        if (command && enters_container(command))
            syscall(SYS_execveat, seal(PYTHON), "", argv, environ, AT_EMPTY_PATH);
        execv(PYTHON, argv);
    }
    /* The interpreter was replaced since the installation: ask the environment for its new one. */
    snprintf(neighbour, sizeof neighbour, "%s/python3", own);
    next = argv;
    *next++ = neighbour;
    *next++ = "-I";
    *next++ = "-c";
    *next++ = "from runtime.oci.cli import main; main()";
    memcpy(next, arguments + 1, count * sizeof *next);
    execv(neighbour, argv);
}

int main(int count, char **arguments)
{
    struct command command = {0};
    bool is_plain = parse(arguments + 1, &command);

    if (is_plain && !strcmp(command.name, "start") && start(&command))
        return 0;
    if (is_plain && !strcmp(command.name, "delete") && delete(&command))
        return 0;
    interpret(count, arguments, is_plain ? &command : NULL);
    fprintf(stderr, "tarebox-oci: no interpreter at %s: %s; install tarebench again\n", PYTHON, strerror(errno));
    return 1;
}
