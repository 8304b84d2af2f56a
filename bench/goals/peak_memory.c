/* Runs a command and prints the most memory that one of its processes had resident, in KiB; see getrusage(2).
 *
 * A small program has to ask, as a child inherits the peak of what it was forked from.
 */

#define _GNU_SOURCE
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **arguments)
{
    struct rusage usage;
    int status;
    pid_t child = count > 1 ? fork() : -1;

    if (child == 0) {
        execvp(arguments[1], arguments + 1);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child || status)
        return 1;
    printf("%ld\n", usage.ru_maxrss);
    return 0;
}
