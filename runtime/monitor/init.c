/* Process 1 of a container with --init: starts the command, passes signals on, reaps orphans. */

#define _GNU_SOURCE
#include "monitor.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

int init(char **command)
{
    sigset_t all, before;
    pid_t child;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    child = fork();
    if (child == 0) {
        /* A group of its own, so that the terminal's signals reach it once. */
        setpgid(0, 0);
        tcsetpgrp(0, getpid());
        sigprocmask(SIG_SETMASK, &before, NULL);
        execvp(*command, command);
        _exit(errno == ENOENT ? 127 : 126);
    }
    for (int number, status; child > 0 && sigwait(&all, &number) == 0;) {
        if (number != SIGCHLD)
            kill(child, number);
        for (pid_t ended; number == SIGCHLD && (ended = waitpid(-1, &status, WNOHANG)) > 0;)
            if (ended == child)
                return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return 125;
}
