/* What the other files ask of the kernel. */

#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int64_t now(int clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* The line that the host waits for. */
void say_ready(const char *nonce, struct times *times) {
    times->ready = now(CLOCK_MONOTONIC);
    dprintf(STDOUT_FILENO, "%s:ready %lld %lld\n", nonce, (long long)times->first, (long long)times->ready);
}

void power_off(void) {
    sync();
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}

/* Says what can't be done, as the guest's last words. */
void die(const char *what, const char *which) {
    dprintf(STDERR_FILENO, "\ntare-guest: can't %s %s: %s\n", what, which, strerror(errno));
    power_off();
}

bool write_file(const char *path, const char *text, size_t size) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    bool whole = file >= 0 && write(file, text, size) == (ssize_t)size;
    if (file >= 0)
        close(file);
    return whole;
}

/* Makes a directory and those above it, where they are missing. */
void make_directories(const char *path) {
    char part[4096];
    if (mkdir(path, 0755) == 0 || errno == EEXIST || strlen(path) >= sizeof part)
        return;
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        mkdir(part, 0755);
    }
    mkdir(path, 0755);
}

void mount_or_die(const char *source, const char *target, const char *type, unsigned long flags,
                  const char *options) {
    if (mount(source, target, type, flags, options) < 0)
        die("mount", target);
}

int open_module(const char *name) {
    char path[256];
    snprintf(path, sizeof path, HOME "/modules/%s.ko", name);
    int module = open(path, O_RDONLY | O_CLOEXEC);
    if (module < 0)
        die("open the module", name);
    return module;
}

void load_module(int module) {
    if (syscall(SYS_finit_module, module, "", 0) < 0 && errno != EEXIST)
        dprintf(STDERR_FILENO, "tare-guest: a kernel module can't be loaded: %s\n", strerror(errno));
    close(module);
}

/* Removes a directory of the first file system; what is mounted there stays. */
void remove_tree(const char *path) {
    DIR *directory = opendir(path);
    if (!directory)
        return;
    for (struct dirent *entry; (entry = readdir(directory));) {
        char below[512];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        if (entry->d_type != DT_DIR)
            unlink(below);
        else if (rmdir(below) < 0 && errno == ENOTEMPTY)
            remove_tree(below);
    }
    closedir(directory);
    rmdir(path);
}
