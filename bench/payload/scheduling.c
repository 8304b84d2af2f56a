/* Entering the kernel, making and changing tasks, and being woken in time; in seconds.

     scheduling SAMPLES

   What is measured is what lmbench has (McVoy and Staelin 1996), and how late a timer is as cyclictest tells it. */

#define _GNU_SOURCE
#include "measure.h"

#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void getpids(long count)
{
    while (count--)
        syscall(SYS_getpid);
}

static double getpid_(void)
{
    static long count = 1 << 10;
    return per_operation(getpids, &count);
}

static const char *itself;

static void launches(long count)
{
    while (count--) {
        pid_t child = fork();
        if (child < 0)
            fail("fork");
        if (child == 0) {
            execl(itself, itself, "0", (char *)NULL);
            _exit(127);
        }
        int status;
        if (waitpid(child, &status, 0) < 0)
            fail("waitpid");
        if (status)
            exit(1);
    }
}

static double fork_exec(void)
{
    static long count = 1;
    return per_operation(launches, &count);
}

static int ours[2], theirs[2];

static void exchanges(long count)
{
    char byte = 0;
    while (count--)
        if (write(theirs[1], &byte, 1) != 1 || read(ours[0], &byte, 1) != 1)
            fail("pipe");
}

/* With a child that answers each byte, on any processor or all on one. */
static double ping_pong(int on_one, long *count)
{
    cpu_set_t all, one;
    if (pipe(ours) || pipe(theirs))
        fail("pipe");
    if (sched_getaffinity(0, sizeof all, &all))
        fail("sched_getaffinity");
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    if (on_one && sched_setaffinity(0, sizeof one, &one))
        fail("sched_setaffinity");
    pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0) {
        char byte;
        close(theirs[1]);
        while (read(theirs[0], &byte, 1) == 1)
            if (write(ours[1], &byte, 1) != 1)
                break;
        _exit(0);
    }
    close(theirs[0]);
    close(ours[1]);
    double taken = per_operation(exchanges, count);
    close(theirs[1]);
    close(ours[0]);
    if (waitpid(child, NULL, 0) < 0)
        fail("waitpid");
    if (on_one && sched_setaffinity(0, sizeof all, &all))
        fail("sched_setaffinity");
    return taken;
}

static double pipe_round_trip(void)
{
    static long count = 1 << 4;
    return ping_pong(0, &count);
}

/* A round trip on one processor is two changes between tasks. */
static double context_switch(void)
{
    static long count = 1 << 4;
    return ping_pong(1, &count) / 2;
}

static double page_fault(void)
{
    static long pages = 64;
    return per_operation(fault_in, &pages);
}

static double timer_lateness(void)
{
    struct timespec due;
    clock_gettime(CLOCK_MONOTONIC, &due);
    due.tv_nsec += 1000000;
    if (due.tv_nsec >= 1000000000)
        due.tv_nsec -= 1000000000, due.tv_sec++;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
        continue;
    return now() - ((double)due.tv_sec + (double)due.tv_nsec / 1e9);
}

int main(int count, char **words)
{
    static const struct benchmark benchmarks[] = {
        {"getpid", getpid_},
        {"pipe", pipe_round_trip},
        {"context-switch", context_switch},
        {"fork-exec", fork_exec},
        {"page-fault", page_fault},
        {"timer", timer_lateness},
        {"clock", resolution},
        {0},
    };
    itself = words[0];
    measure(benchmarks, count > 1 ? atol(words[1]) : 1);
    return 0;
}
