/* tarebox-monitor: the parent of a detached container's first process, for as long as that lives.
 *
 * It copies output to the log, serves those who attach, and records the end: `exit.json` in the container's
 * directory, which is its working directory, an event, the control groups removed. Then it becomes the command
 * that removes the container or starts it again, if there is one. See launcher.py for who starts it.
 *
 *     tarebox-monitor watch PID PIDFD SOCKET OUT ERR IN [-t CLIENT] [-n RUN] [-s BYTES] [-f FILES] [-o OOMFILE] [-g GROUP]... [-e EVENTS]
 *                     [-d EVENT] [-i MS] [-c WORD]... [-r MS] [-a WORD]...
 *     tarebox-monitor init COMMAND...
 *     tarebox-monitor reap PID
 */

#define _GNU_SOURCE
#include "monitor.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS 32
#define LONG_RUN INT64_C(10000000000) /* nanoseconds after which a container counts as having run well */
#define SHORTEST_DELAY 100
#define RECORD 256 /* bytes of exit.json, of which it needs about half */

static struct stream out = {.name = "stdout"}, err = {.name = "stderr"};
static const char *groups[WORDS], *oom_file, *events_file, *event, *run = "0";
static char *check[WORDS], *after[WORDS];
static int group_count, check_count, after_count, interval, restart_delay;
static int checking = -1; /* pidfd of the check that runs */
static int reserved = -1; /* what becomes exit.json */

static void add(char **words, int *count, char *word)
{
    if (*count < WORDS - 1)
        words[(*count)++] = word;
}

static void parse(int count, char **arguments)
{
    for (int option; (option = getopt(count, arguments, "t:n:s:f:o:g:e:d:i:c:r:a:")) != -1;)
        switch (option) {
        case 't': first_client = atoi(optarg); break;
        case 'n': run = optarg; break;
        case 's': log_max_size = atol(optarg); break;
        case 'f': log_max_files = atoi(optarg); break;
        case 'o': oom_file = optarg; break;
        case 'g': add((char **)groups, &group_count, optarg); break;
        case 'e': events_file = optarg; break;
        case 'd': event = optarg; break;
        case 'i': interval = atoi(optarg); break;
        case 'c': add(check, &check_count, optarg); break;
        case 'r': restart_delay = atoi(optarg); break;
        case 'a': add(after, &after_count, optarg); break;
        default: exit(2);
        }
}

static int64_t milliseconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_BOOTTIME, &time);
    return time.tv_sec * INT64_C(1000) + time.tv_nsec / 1000000;
}

/* False once there is nothing more to come. */
static bool copy(struct stream *stream, char kind)
{
    static char data[STEP];
    ssize_t size = read(stream->fd, data, sizeof data);

    if (size <= 0)
        return false;
    attach_output(kind, data, size);
    log_output(stream, data, size);
    return true;
}

static void drain(struct stream *stream, char kind)
{
    if (stream->fd >= 0)
        fcntl(stream->fd, F_SETFL, O_NONBLOCK);
    while (stream->fd >= 0 && copy(stream, kind))
        ;
    log_flush(stream);
}

static bool was_out_of_memory(void)
{
    char text[512], *found;
    int file = oom_file ? open(oom_file, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t size = file < 0 ? 0 : read(file, text, sizeof text - 1);

    text[size > 0 ? size : 0] = '\0';
    found = strstr(text, "oom_kill ");
    return found && atoi(found + strlen("oom_kill ")) > 0;
}

static void append(const char *path, const char *status, int64_t time, int code)
{
    int file = path && event ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    char *line;
    int length;

    if (file < 0)
        return;
    /* In one piece, as others append too. */
    length = asprintf(&line, "{\"status\": \"%s\", \"time\": %lld, %s, \"exitCode\": \"%d\"}}\n", status, (long long)time,
                      event, code);
    if (length > 0 && write(file, line, length) == length)
        free(line);
    close(file);
}

/* Takes the room that the record needs while there is some: the container may fill the disk. */
static void reserve(void)
{
    reserved = open(".exit.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    dprintf(reserved, "%*s", RECORD, "");
}

/* The record is whole or not there at all, even after a power cut. */
static void record(int code, bool is_out_of_memory)
{
    int64_t ended = now();
    char text[RECORD + 1];
    int length = snprintf(text, sizeof text, "{\"run\": %s, \"exit_code\": %d, \"oom_killed\": %s, \"finished_at\": %lld}",
                          run, code, is_out_of_memory ? "true" : "false", (long long)ended);

    memset(text + length, ' ', RECORD - length);
    if (pwrite(reserved, text, RECORD, 0) == RECORD && fsync(reserved) == 0)
        rename(".exit.new", "exit.json");
    close(reserved);
    if (is_out_of_memory)
        append(events_file, "oom", ended, code);
    append(events_file, "die", ended, code);
}

static void run_check(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);

        dup2(null, 1);
        dup2(null, 2);
        execv(*check, check);
        _exit(127);
    }
    checking = pid < 0 ? -1 : syscall(SYS_pidfd_open, pid, 0);
}

/* Serves until the container's first process has ended. */
static void serve(int pidfd)
{
    int64_t due = check_count ? milliseconds() + interval : 0;

    for (;;) {
        struct pollfd polled[CLIENTS + 6] = {
            {pidfd, POLLIN, 0},
            {out.fd, POLLIN, 0},
            {err.fd, POLLIN, 0},
            {checking, POLLIN, 0},
        };
        int count = attach_poll(polled + 4);
        int64_t left = due - milliseconds();

        /* What a first client doesn't read the container can't write. */
        if (attach_is_behind())
            polled[1].fd = polled[2].fd = -1;
        if (poll(polled, count + 4, !due || checking >= 0 ? -1 : left > 0 ? (int)left : 0) == 0)
            run_check();
        if (polled[3].revents) {
            waitid(P_PIDFD, checking, NULL, WEXITED);
            close(checking);
            checking = -1;
            due = milliseconds() + interval;
        }
        if (polled[1].revents && !copy(&out, 'o'))
            out.fd = -1;
        if (polled[2].revents && !copy(&err, 'e'))
            err.fd = -1;
        attach_events(polled + 4, count);
        if (polled[0].revents)
            return;
    }
}

static int watch(char **numbers)
{
    pid_t pid = atoi(numbers[0]);
    int pidfd = atoi(numbers[1]), status = 0, code;
    int64_t started = now();
    bool is_out_of_memory;

    reserve();
    listener = atoi(numbers[2]);
    out.fd = atoi(numbers[3]);
    err.fd = atoi(numbers[4]);
    input_fd = atoi(numbers[5]);
    for (int fd = 3; fd < 64; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (input_fd >= 0)
        fcntl(input_fd, F_SETFL, O_NONBLOCK);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    log_open();
    attach_open();
    serve(pidfd);
    if (checking >= 0)
        syscall(SYS_pidfd_send_signal, checking, SIGKILL, NULL, 0);
    while (waitpid(pid, &status, 0) < 0)
        ;
    drain(&out, 'o');
    drain(&err, 'e');
    code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    is_out_of_memory = was_out_of_memory();
    record(code, is_out_of_memory);
    for (int i = 0; i < group_count; i++)
        rmdir(groups[i]);
    attach_close(code, is_out_of_memory);
    if (!after_count)
        return 0;
    poll(NULL, 0, now() - started >= LONG_RUN && restart_delay ? SHORTEST_DELAY : restart_delay);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    execv(*after, after);
    return 127;
}

int main(int count, char **arguments)
{
    if (count >= 3 && !strcmp(arguments[1], "init"))
        return init(arguments + 2);
    if (count == 3 && !strcmp(arguments[1], "reap")) {
        waitpid(atoi(arguments[2]), NULL, 0);
        return 0;
    }
    if (count < 8 || strcmp(arguments[1], "watch"))
        return 2;
    parse(count - 7, arguments + 7);
    return watch(arguments + 2);
}
