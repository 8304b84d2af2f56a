/* The processes the host asked for, with their streams; number 0 is the payload.

   Neither side sends more than a window of a stream's bytes before the other has taken some (CREDIT), so a slow
   reader stops only the process it reads from. */

#define _GNU_SOURCE
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST (LONGEST_POLL / 3)
#define END_OF_FILE "\4"

struct task {
    bool used, exited, tty, ending;
    unsigned id;
    pid_t process;
    int status, input, output, errors;
    uint32_t credit, taken;
    char *pending;
    size_t start, end;
};

static struct task tasks[MOST];

static struct task *find(unsigned id) {
    for (struct task *task = tasks; task < tasks + MOST; task++)
        if (task->used && task->id == id)
            return task;
    return NULL;
}

static void close_end(int *end) {
    if (*end >= 0)
        close(*end);
    *end = -1;
}

static void send_status(unsigned id, int status) {
    unsigned char body[4] = {status, status >> 8};
    channel_send(STATUS, id, body, sizeof body);
}

static void refuse(unsigned id, const char *reason) {
    channel_send(ERRORS, id, reason, strlen(reason));
    send_status(id, 125);
}

static void resize(int terminal, unsigned short rows, unsigned short columns) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    ioctl(terminal, TIOCSWINSZ, &size);
}

/* The child's three descriptors, then ours; a terminal is all of them at once. */
static bool open_ends(struct task *task, const struct command *command, int *ends) {
    int in[2] = {-1, -1}, out[2] = {-1, -1}, errors[2] = {-1, -1}, locked = 0, number;
    task->tty = command->tty;
    if (command->tty) {
        char path[32];
        task->output = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
        if (task->output < 0 || ioctl(task->output, TIOCSPTLCK, &locked) < 0)
            return false;
        if (ioctl(task->output, TIOCGPTN, &number) < 0)
            return false;
        resize(task->output, command->rows, command->columns);
        snprintf(path, sizeof path, "/dev/pts/%d", number);
        ends[0] = ends[1] = ends[2] = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
        task->input = command->has_input ? fcntl(task->output, F_DUPFD_CLOEXEC, 0) : -1;
        return ends[0] >= 0;
    }
    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(errors, O_CLOEXEC) < 0)
        return false;
    if (command->has_input ? pipe2(in, O_CLOEXEC) < 0 : (in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
        return false;
    memcpy(ends, (int[]){in[0], out[1], errors[1]}, 3 * sizeof *ends);
    task->input = in[1], task->output = out[0], task->errors = errors[0];
    for (int *end = (int[]){task->input, task->output, task->errors, -2}; *end != -2; end++)
        if (*end >= 0)
            fcntl(*end, F_SETFL, O_NONBLOCK);
    return true;
}

static void run(const struct command *command, const int *ends) __attribute__((noreturn));

static void run(const struct command *command, const int *ends) {
    int above[3];
    setsid();
    /* First out of the way of the numbers they will have. */
    for (int i = 0; i < 3; i++)
        above[i] = fcntl(ends[i], F_DUPFD, 3);
    for (int i = 0; i < 3; i++)
        dup2(above[i], i);
    syscall(SYS_close_range, 3, ~0U, 0);
    if (command->tty)
        ioctl(STDIN_FILENO, TIOCSCTTY, 0);
    if (!command->builtin)
        run_command(command);
    char **words = command->argv.items;
    bool in = !strcmp(command->builtin, "copy-in");
    _exit(in && command->argv.count == 2 ? copy_in(words[0], words[1]) : copy_out(words[0]));
}

void task_start(unsigned id, const struct command *command) {
    int ends[3] = {-1, -1, -1};
    struct task *task = tasks;
    while (task < tasks + MOST && task->used)
        task++;
    if (task == tasks + MOST) {
        refuse(id, "tarevm: too many commands run in this guest\n");
        return;
    }
    *task = (struct task){.used = true, .id = id, .input = -1, .output = -1, .errors = -1, .credit = WINDOW};
    if (!open_ends(task, command, ends) || (task->process = fork()) < 0) {
        refuse(id, "tarevm: the guest has no memory or descriptors for another command\n");
        task->exited = true, task->process = 0;
    } else if (task->process == 0) {
        run(command, ends);
    }
    close_end(&ends[0]);
    if (!command->tty) {
        close_end(&ends[1]);
        close_end(&ends[2]);
    }
    if (task->process)
        return;
    close_end(&task->input), close_end(&task->output), close_end(&task->errors);
    task->used = false;
}

static void give_credit(struct task *task) {
    unsigned char body[4] = {task->taken, task->taken >> 8, task->taken >> 16, task->taken >> 24};
    if (task->taken)
        channel_send(CREDIT, task->id, body, sizeof body);
    task->taken = 0;
}

/* Writes what the process takes now; after its end nobody does, and the rest is dropped. */
static void feed(struct task *task) {
    while (task->start < task->end) {
        size_t left = task->end - task->start;
        ssize_t done = write(task->input, task->pending + task->start, left);
        if (done < 0 && errno == EAGAIN)
            break;
        if (done < 0) {
            close_end(&task->input);
            done = left;
        }
        task->start += done, task->taken += done;
    }
    if (task->start == task->end) {
        task->start = task->end = 0;
        if (task->ending)
            close_end(&task->input);
    }
    if (task->taken >= WINDOW / 4 || task->start == task->end)
        give_credit(task);
}

/* Takes input for a process; none at all is its end. */
void task_input(unsigned id, const char *data, size_t size) {
    struct task *task = find(id);
    if (!task)
        return;
    if (!size && task->tty)
        data = END_OF_FILE, size = 1;
    if (!size)
        task->ending = true;
    if (!task->pending && !(task->pending = malloc(2 * WINDOW)))
        die("keep", "input");
    if (task->start && task->end + size > 2 * WINDOW) {
        memmove(task->pending, task->pending + task->start, task->end - task->start);
        task->end -= task->start;
        task->start = 0;
    }
    if (task->end + size > 2 * WINDOW)
        die("keep", "more input than agreed");
    memcpy(task->pending + task->end, data, size);
    task->end += size;
    feed(task);
}

void task_credit(unsigned id, uint32_t bytes) {
    struct task *task = find(id);
    if (task)
        task->credit += bytes;
}

void task_signal(unsigned id, int number, bool whole_group) {
    struct task *task = find(id);
    if (task && !task->exited)
        kill(whole_group ? -task->process : task->process, number);
}

void task_resize(unsigned id, unsigned short rows, unsigned short columns) {
    struct task *task = find(id);
    if (task && task->tty)
        resize(task->output, rows, columns);
}

/* Reaps ours and orphans, which process 1 inherits. */
void tasks_reap(void) {
    int status;
    for (pid_t process; (process = waitpid(-1, &status, WNOHANG)) > 0;)
        for (struct task *task = tasks; task < tasks + MOST; task++)
            if (task->used && task->process == process && !task->exited) {
                task->exited = true;
                task->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
            }
}

/* Three polls a task, in its order. */
size_t tasks_poll(void *into) {
    struct pollfd *polls = into;
    bool may_send = channel_room() > 0;
    for (struct task *task = tasks; task < tasks + MOST; task++) {
        bool reads = task->used && task->credit && may_send;
        *polls++ = (struct pollfd){task->used && task->start < task->end ? task->input : -1, POLLOUT, 0};
        *polls++ = (struct pollfd){reads ? task->output : -1, POLLIN, 0};
        *polls++ = (struct pollfd){reads ? task->errors : -1, POLLIN, 0};
    }
    return LONGEST_POLL;
}

/* Sends what can be read; whether there may be more. */
static bool drain(struct task *task, int *from, enum frame type) {
    while (*from >= 0 && task->credit && channel_room()) {
        ssize_t got = channel_send_from(*from, type, task->id, task->credit);
        if (got < 0 && errno == EAGAIN)
            return false;
        if (got <= 0)
            close_end(from);
        else
            task->credit -= got;
        if (!task->exited)
            break;
    }
    return *from >= 0;
}

/* Moves what the polls found; whether the payload has ended. */
bool tasks_serve(const void *found) {
    const struct pollfd *polls = found;
    bool over = false;
    for (struct task *task = tasks; task < tasks + MOST; task++, polls += 3) {
        bool more = false;
        if (!task->used)
            continue;
        if (polls[0].revents)
            feed(task);
        if (polls[1].revents || task->exited)
            more |= drain(task, &task->output, OUTPUT);
        if (polls[2].revents || task->exited)
            more |= drain(task, &task->errors, ERRORS);
        if (!task->exited || more)
            continue;
        send_status(task->id, task->status);
        close_end(&task->input), close_end(&task->output), close_end(&task->errors);
        free(task->pending);
        over |= task->id == 0;
        task->used = false;
    }
    return over;
}
