/* Process 1: prepares the guest, says that it is ready and hands over to the agent.

   With an argument it is a service of a system that has booted by itself, and the argument names the job. */

#define _GNU_SOURCE
#include "guest.h"

#ifndef SOURCES
#define SOURCES "of unknown sources"
#endif

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void read_job(const char *path, struct job *job) {
    static char text[LONGEST_JOB];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = 0;
    ssize_t got;
    while ((got = read(file, text + size, sizeof text - size)) > 0)
        size += got;
    if (got < 0)
        die("read", path);
    close(file);
    parse_job(text, size, job);
}

/* The image's own process 1 takes our place; the agent goes on beside it. */
static void hand_over(const struct job *job) {
    char *argv[] = {(char *)job->init, NULL}, *none[] = {NULL};
    if (fork() == 0) {
        setsid();
        return;
    }
    execve(job->init, argv, job->command.env.items ? job->command.env.items : none);
    die("run", job->init);
}

/* What is no disk was named by mistake, and not in a guest, which we might power off. */
static bool is_disk(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && S_ISBLK(about.st_mode);
}

static void mount_first(void) {
    mount_or_die("proc", "/proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
    mount_or_die("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
    mount_or_die("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
}

/* The system around us keeps its root, whatever we mount. */
static void leave_system(void) {
    if (unshare(CLONE_NEWNS) < 0)
        die("leave", "the system's mounts");
    mount_or_die("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

int main(int argc, char **argv) {
    struct times times = {.first = now(CLOCK_MONOTONIC)};
    struct channel channel;
    static struct job job;
    bool is_service = getpid() != 1;
    if (is_service && (argc != 2 || !is_disk(argv[1]))) {
        puts("tare-guest " SOURCES);
        return 1;
    }
    if (is_service)
        leave_system();
    else
        mount_first();
    read_job(is_service ? argv[1] : HOME "/job", &job);
    if (job.hold)
        for (;;)
            pause();
    for (size_t i = 0; i < job.boot_modules.count; i++)
        load_module(open_module(job.boot_modules.items[i]));
    int *modules = calloc(job.agent_modules.count + 1, sizeof *modules);
    for (size_t i = 0; i < job.agent_modules.count; i++)
        modules[i] = open_module(job.agent_modules.items[i]);
    modules[job.agent_modules.count] = -1;
    channel_expect(&channel);
    enter_root(&job);
    if (!job.init)
        mount_rest();
    set_names(&job);
    mount_volumes(&job);
    start_network(&job);
    say_ready(job.nonce, &times);
    if (job.init)
        hand_over(&job);
    serve(&job, &channel, modules, times);
}
