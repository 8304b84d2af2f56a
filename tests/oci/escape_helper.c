/* What the tests of escapes do inside of hostile containers, and around them; see test_oci_escapes*.py.
 *
 *   watch DIRECTORY MARKER   stops each process that appears in /proc, looks through it for the host's
 *                            DIRECTORY, which holds a file `secret`, and for MARKER in its environment; prints
 *                            what the process runs and what it gives away, and lets it go on
 *   stop                     stops each process that appears in /proc for good
 *   exchange ONE TWO         exchanges two names of files for ten seconds at the most
 *   keep COMMAND...          runs a command with a session keyring that holds the key `tare-secret`
 *   find                     prints the error of finding that key
 *   who                      prints the effective user
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static bool holds(const char *path)
{
    char secret[4200];
    struct stat status;

    snprintf(secret, sizeof secret, "%s/secret", path);
    return !stat(secret, &status);
}

/* Whether it is a directory with others above it. */
static bool leads_up(const char *path)
{
    char above[310];
    struct stat status, parent;

    snprintf(above, sizeof above, "%s/..", path);
    return !stat(path, &status) && !stat(above, &parent) && status.st_ino != parent.st_ino;
}

static bool has_text(const char *path, const char *text)
{
    static char content[1 << 17];
    int file = open(path, O_RDONLY);
    ssize_t size = file < 0 ? 0 : read(file, content, sizeof content);

    close(file);
    return size > 0 && memmem(content, size, text, strlen(text));
}

static void look_through_descriptors(int process)
{
    char path[300];
    struct dirent *entry;
    DIR *descriptors;

    snprintf(path, sizeof path, "/proc/%d/fd", process);
    for (descriptors = opendir(path); descriptors && (entry = readdir(descriptors));) {
        snprintf(path, sizeof path, "/proc/%d/fd/%s", process, entry->d_name);
        if (*entry->d_name != '.' && (holds(path) || leads_up(path)))
            printf(" fd/%s", entry->d_name);
    }
    if (descriptors)
        closedir(descriptors);
}

static void look_through(int process, const char *directory, const char *marker)
{
    static const char *const own = "/bin/busybox";
    char path[4200];
    struct stat program, shell;

    snprintf(path, sizeof path, "/proc/%d/exe", process);
    if (stat(path, &program) || stat(own, &shell))
        return;
    printf("%s", program.st_ino == shell.st_ino && program.st_dev == shell.st_dev ? "payload" : "runtime");
    snprintf(path, sizeof path, "/proc/%d/root%s", process, directory);
    if (holds(path))
        printf(" root");
    snprintf(path, sizeof path, "/proc/%d/cwd", process);
    if (holds(path))
        printf(" cwd");
    snprintf(path, sizeof path, "/proc/%d/environ", process);
    if (has_text(path, marker))
        printf(" environ");
    look_through_descriptors(process);
    puts("");
}

/* Without a directory to look for, stops all for good. */
static void watch(const char *directory, const char *marker)
{
    static bool seen[1 << 22];
    DIR *processes = opendir("/proc");
    bool is_first = true;

    for (;; rewinddir(processes)) {
        for (struct dirent *entry; (entry = readdir(processes));) {
            int process = atoi(entry->d_name);

            if (process <= 0 || process == getpid() || seen[process])
                continue;
            seen[process] = true;
            if (is_first)
                continue;
            kill(process, SIGSTOP);
            if (!directory)
                continue;
            look_through(process, directory, marker);
            kill(process, SIGCONT);
        }
        if (is_first)
            puts("ready");
        is_first = false;
    }
}

static void exchange(const char *one, const char *two)
{
    time_t end = time(NULL) + 10;

    puts("ready");
    while (time(NULL) < end)
        renameat2(AT_FDCWD, one, AT_FDCWD, two, RENAME_EXCHANGE);
}

static int keep(char **command)
{
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0
        || syscall(SYS_add_key, "user", "tare-secret", "secret", 6, KEY_SPEC_SESSION_KEYRING) < 0)
        return 1;
    execv(command[0], command);
    return 1;
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";

    setlinebuf(stdout);
    alarm(30);
    if (!strcmp(what, "watch") && count == 4)
        watch(arguments[2], arguments[3]);
    else if (!strcmp(what, "stop"))
        watch(NULL, NULL);
    else if (!strcmp(what, "exchange") && count == 4)
        exchange(arguments[2], arguments[3]);
    else if (!strcmp(what, "keep") && count > 2)
        return keep(arguments + 2);
    else if (!strcmp(what, "find"))
        printf("%d\n", syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "tare-secret", 0) < 0
            ? errno : 0);
    else if (!strcmp(what, "who"))
        printf("%d\n", geteuid());
    else
        return 2;
    return 0;
}
