/* Tries system calls one by one: which the kernel carries out, which it refuses, which it claims not to have.

   syscalls NUMBER...    a line each: NUMBER and what became of it

   `errno N` is its result (0: it succeeded), `signal N` what ended its process, `ended` is an exit, and `blocked`
   means that it waited. Each call has a process of its own, in a session of its own, and all of its arguments are
   -1: no descriptor, address, process, length or flags that any call could act on, so that one which is reached
   fails with EBADF, EFAULT or EINVAL. Those few that take this for something else get other arguments. */

#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_US = 100000 };

struct arguments {
    long first, second, third, rest;
};

static struct arguments arguments(long number)
{
    struct arguments usual = {-1, -1, -1, -1};
    switch (number) {
    case SYS_futex: /* FUTEX_WAKE; it says ENOSYS to an operation that it doesn't know */
        usual.second = 1;
        break;
    case SYS_msgget: /* any flags would make a queue */
        usual.second = 0;
        break;
    case SYS_kill: /* -1 are all processes; there is none of this number */
        usual.first = INT_MAX;
        break;
#ifdef SYS_modify_ldt
    case SYS_modify_ldt: /* read nothing; ENOSYS for a function that it doesn't know */
        return (struct arguments){0, 0, 0, 0};
#endif
    }
    return usual;
}

/* The result of a call has a byte to itself; an exit status does as well. */
static void attempt(long number, int result)
{
    struct arguments with = arguments(number);
    struct itimerval patience = {.it_value.tv_usec = PATIENCE_US};
    struct rlimit none = {0, 0};
    setsid();
    setrlimit(RLIMIT_CORE, &none);
    setitimer(ITIMER_REAL, &patience, NULL);
    long returned = syscall(number, with.first, with.second, with.third, with.rest, with.rest, with.rest);
    unsigned char failed = returned == -1 ? errno : 0;
    if (write(result, &failed, sizeof failed) != sizeof failed)
        _exit(EXIT_FAILURE);
    _exit(EXIT_SUCCESS);
}

static int look(long number)
{
    int result[2], status;
    unsigned char failed;
    if (pipe(result))
        return -1;
    pid_t child = fork();
    if (child == -1)
        return -1;
    if (child == 0)
        attempt(number, result[1]);
    close(result[1]);
    ssize_t got = read(result[0], &failed, sizeof failed);
    close(result[0]);
    if (waitpid(child, &status, 0) != child)
        return -1;
    if (got == sizeof failed)
        printf("%ld errno %d\n", number, failed);
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        printf("%ld blocked\n", number);
    else if (WIFSIGNALED(status))
        printf("%ld signal %d\n", number, WTERMSIG(status));
    else
        printf("%ld ended\n", number);
    return 0;
}

int main(int count, char **words)
{
    for (int each = 1; each < count; each++) {
        fflush(stdout);
        if (look(atol(words[each]))) {
            perror("syscalls");
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}
