/* The root file system, and the mounts that a container has as well. */

#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT HOME "/root"
#define LOWER HOME "/lower"
#define OVER HOME "/over"

static void move(const char *source, const char *target) {
    mkdir(target, 0755);
    mount_or_die(source, target, NULL, MS_MOVE, NULL);
}

/* Something to write to, over a file system that can't be written. */
static void mount_overlay(const struct job *job) {
    mkdir(LOWER, 0755);
    mkdir(OVER, 0755);
    mount_or_die(job->root, LOWER, job->type, MS_RDONLY, NULL);
    mount_or_die("tmpfs", OVER, "tmpfs", 0, NULL);
    mkdir(OVER "/upper", 0755);
    mkdir(OVER "/work", 0755);
    mount_or_die("overlay", ROOT, "overlay", 0,
                 "lowerdir=" LOWER ",upperdir=" OVER "/upper,workdir=" OVER "/work");
}

/* Makes the image's file system the root; without a device it is the initramfs we are in. */
void enter_root(const struct job *job) {
    if (!job->root) {
        remove_tree(HOME);
        return;
    }
    make_directories(ROOT);
    if (job->read_only)
        mount_overlay(job);
    else
        mount_or_die(job->root, ROOT, job->type, 0, NULL);
    move("/dev", ROOT "/dev");
    move("/proc", ROOT "/proc");
    move("/sys", ROOT "/sys");
    remove_tree(HOME);
    if (chdir(ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
        die("enter", job->root);
}

/* What is missing only some programs miss; a kernel may lack some of it. */
void mount_rest(void) {
    unsigned long plain = MS_NOSUID | MS_NOEXEC | MS_NODEV;
    mkdir("/dev/pts", 0755);
    mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5,ptmxmode=0666");
    mkdir("/dev/shm", 01777);
    mount("shm", "/dev/shm", "tmpfs", plain, "mode=1777,size=65536k");
    mkdir("/dev/mqueue", 01777);
    mount("mqueue", "/dev/mqueue", "mqueue", plain, NULL);
    mount("cgroup", "/sys/fs/cgroup", "cgroup2", plain, NULL);
    symlink("/proc/self/fd", "/dev/fd");
    symlink("/proc/self/fd/0", "/dev/stdin");
    symlink("/proc/self/fd/1", "/dev/stdout");
    symlink("/proc/self/fd/2", "/dev/stderr");
}

/* Directories of the host, each `TAG:ro|rw:TARGET`; see Documentation/filesystems/virtiofs.rst. */
void mount_volumes(const struct job *job) {
    for (size_t i = 0; i < job->volumes.count; i++) {
        char *target = job->volumes.items[i], *tag = strsep(&target, ":"), *mode = strsep(&target, ":");
        make_directories(target);
        mount_or_die(tag, target, "virtiofs", strcmp(mode, "ro") ? 0 : MS_RDONLY, NULL);
    }
}
