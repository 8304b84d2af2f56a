/* Serves the host: one loop over the channel, the processes' streams and their ends. */

#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define VERSION 1
#define BEHIND 5
#define SHORTEST_WAIT 1
#define LONGEST_WAIT 100

static uint64_t number(const char *body, size_t size) {
    uint64_t value = 0;
    for (size_t i = size; i--;)
        value = value << 8 | (unsigned char)body[i];
    return value;
}

static void put(unsigned char *body, int64_t value) {
    for (int i = 0; i < 8; i++)
        body[i] = (uint64_t)value >> 8 * i;
}

static void say_hello(struct times times) {
    unsigned char body[24];
    put(body, VERSION);
    put(body + 8, times.first);
    put(body + 16, times.ready);
    channel_send(HELLO, 0, body, sizeof body);
}

/* Answers with the request's mark and both clocks, in ns. */
static void say_time(const char *mark) {
    unsigned char body[24];
    memcpy(body, mark, 8);
    put(body + 8, now(CLOCK_REALTIME));
    put(body + 16, now(CLOCK_MONOTONIC));
    channel_send(CLOCK, 0, body, sizeof body);
}

static void set_clock(int64_t step) {
    int64_t wanted = now(CLOCK_REALTIME) + step;
    struct timespec time = {wanted / 1000000000, wanted % 1000000000};
    clock_settime(CLOCK_REALTIME, &time);
}

static void start(unsigned id, char *body, size_t size) {
    struct job job = {0};
    parse_job(body, size, &job);
    task_start(id, &job.command);
    free(job.command.argv.items);
    free(job.command.env.items);
}

static void take(enum frame type, unsigned id, char *body, size_t size) {
    if (type == RUN)
        start(id, body, size);
    else if (type == INPUT)
        task_input(id, body, size);
    else if (type == CREDIT && size == 4)
        task_credit(id, number(body, 4));
    else if (type == SIGNAL && size == 2)
        task_signal(id, body[0], body[1]);
    else if (type == SIZE && size == 4)
        task_resize(id, number(body, 2), number(body + 2, 2));
    else if (type == CLOCK && size == 8)
        say_time(body);
    else if (type == SET_CLOCK && size == 8)
        set_clock(number(body, 8));
    else if (type == RENEW)
        renew(body, size);
    else if (type == STOP)
        power_off();
}

static int hear_of_children(void) {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Beside the payload, whose start should hardly wait for it. */
static void load(const int *modules) {
    if (*modules < 0 || fork() != 0)
        return;
    setpriority(PRIO_PROCESS, 0, BEHIND);
    for (; *modules >= 0; modules++)
        load_module(*modules);
    _exit(0);
}

static void open_and_greet(struct channel *channel, struct times times) {
    if (channel_open(channel))
        say_hello(times);
}

void serve(const struct job *job, struct channel *channel, const int *modules, struct times times) {
    int children = hear_of_children(), wait = SHORTEST_WAIT;
    bool hung_up = false, had_no_room = false;
    if (job->command.argv.count && !job->init)
        task_start(0, &job->command);
    load(modules);
    open_and_greet(channel, times);
    for (;;) {
        struct pollfd polls[2 + LONGEST_POLL];
        struct signalfd_siginfo child;
        /* A port nobody holds at the other end is always readable; it is looked at now and then. */
        int own = channel->port < 0 ? channel->events : hung_up ? -1 : channel->port;
        short wanted = POLLIN | (channel->port >= 0 && channel_waits() ? POLLOUT : 0);
        polls[0] = (struct pollfd){own, wanted, 0};
        polls[1] = (struct pollfd){children, POLLIN, 0};
        /* Who has ended without a chance to say all does not cause another event. */
        poll(polls, 2 + tasks_poll(polls + 2), had_no_room && channel_room() ? 0 : hung_up ? wait : -1);
        wait = hung_up && wait < LONGEST_WAIT ? 2 * wait : wait;
        if (polls[1].revents && read(children, &child, sizeof child) > 0)
            tasks_reap();
        if (channel->port < 0 && polls[0].revents)
            open_and_greet(channel, times);
        else if (hung_up || polls[0].revents & (POLLIN | POLLHUP | POLLERR))
            hung_up = !channel_receive(channel, take);
        if (!hung_up)
            wait = SHORTEST_WAIT;
        if (tasks_serve(polls + 2)) {
            /* Its last words must not be lost to a port that isn't there yet. */
            struct pollfd event = {channel->events, POLLIN, 0};
            for (; channel->port < 0; open_and_greet(channel, times))
                poll(&event, 1, -1);
            channel_finish(channel);
            power_off();
        }
        had_no_room = !channel_room();
        if (channel->port >= 0)
            channel_flush(channel);
        else
            channel_preview(job->nonce);
    }
}
