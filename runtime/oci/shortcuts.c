/* `start` and `delete` of a container which nothing is unusual about; see runtime/oci/record.py for its directory.
 *
 * `delete` goes by the file `debris` in it: the id of the first process and the paths of the control groups,
 * each ending in a NUL. Without that file the removal takes more.
 */

#define _GNU_SOURCE
#include "shortcuts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

/* What runtime/cgroups/tree.py marks parent groups with which go when they are empty. */
#define OWN_GROUP "user.tarebox-oci"

/* The container's directory below the root directory, or -1. */
static int open_directory(const char *root, const char *id)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char path[PATH_MAX];
    int length;

    if (!id || !*id || *id == '-' || *id == '.' || strchr(id, '/'))
        return -1;
    if (root && *root)
        length = snprintf(path, sizeof path, "%s/%s", root, id);
    else if (geteuid() == 0)
        length = snprintf(path, sizeof path, "/run/tarebox-oci/%s", id);
    else
        length = snprintf(path, sizeof path, "%s/tarebox-oci/%s", runtime ?: "", id);
    return length < PATH_MAX ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
}

bool start(const struct command *command)
{
    int directory = command->arguments[0] && !command->arguments[1]
        ? open_directory(command->root, command->arguments[0])
        : -1;
    int fifo;

    /* Without state.json it is still being created; with `attended` the start has hooks to see to. */
    if (directory < 0 || faccessat(directory, "state.json", F_OK, 0) || !faccessat(directory, "attended", F_OK, 0))
        return false;
    fifo = openat(directory, "exec.fifo", O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    /* Of several that start it at a time, one can unlink. */
    if (fifo < 0 || unlinkat(directory, "exec.fifo", 0))
        return false;
    signal(SIGPIPE, SIG_IGN);
    if (write(fifo, "0", 1) == 1)
        return true;
    signal(SIGPIPE, SIG_DFL);
    return false;
}

static bool is_locked(int directory)
{
    int lock = openat(directory, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;

    /* Who had the lock before may have removed the container. */
    return lock >= 0 && !flock(lock, LOCK_EX | LOCK_NB) && !fstat(lock, &status) && status.st_nlink > 0;
}

static bool has_ended(pid_t process)
{
    struct pollfd ended = {.events = POLLIN};

    if (process <= 0)
        return false;
    ended.fd = syscall(SYS_pidfd_open, process, 0);
    return ended.fd < 0 ? errno == ESRCH : poll(&ended, 1, 0) == 1;
}

static bool remove_group(char *path)
{
    if (rmdir(path) && errno != ENOENT)
        return false;
    do
        *(strrchr(path, '/') ?: path) = '\0';
    while (getxattr(path, OWN_GROUP, NULL, 0) > 0 && !rmdir(path));
    return true;
}

static bool remove_entries(int directory)
{
    DIR *entries = fdopendir(fcntl(directory, F_DUPFD_CLOEXEC, 0));

    if (!entries)
        return false;
    for (struct dirent *entry; (entry = readdir(entries));)
        if (entry->d_name[strspn(entry->d_name, ".")] && unlinkat(directory, entry->d_name, 0))
            return false;
    return true;
}

bool delete(const struct command *command)
{
    char *const *arguments = command->arguments;
    bool is_forced = arguments[0] && (!strcmp(arguments[0], "--force") || !strcmp(arguments[0], "-f"));
    const char *id = arguments[is_forced];
    int directory = id && !arguments[is_forced + 1] ? open_directory(command->root, id) : -1;
    int parent, file;
    char debris[1 << 16], removed[NAME_MAX + 1];
    ssize_t size;

    if (directory < 0 || !is_locked(directory))
        return false;
    file = openat(directory, "debris", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    size = file < 0 ? -1 : read(file, debris, sizeof debris);
    if (size <= 0 || size == sizeof debris || debris[size - 1] || !has_ended(atoi(debris)))
        return false;
    for (char *path = debris + strlen(debris) + 1, *next; path < debris + size; path = next) {
        next = path + strlen(path) + 1;
        if (!remove_group(path))
            return false;
    }
    /* Under its name nobody may find half of it, or wait for a lock that comes too late. */
    snprintf(removed, sizeof removed, "%s~%d", id, getpid());
    parent = openat(directory, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return !renameat(parent, id, parent, removed) && remove_entries(directory) && !unlinkat(parent, removed, AT_REMOVEDIR);
}
