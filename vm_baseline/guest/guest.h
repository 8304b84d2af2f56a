/* tare-guest: process 1 of a machine and its agent; docs/vm-guest.md has the job and the frames. */

#ifndef TARE_GUEST_H
#define TARE_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HOME "/.tare"
#define LONGEST_JOB (1 << 20)

/* A list of strings with a null pointer at its end. */
struct words {
    char **items;
    size_t count;
};

/* What is to run, and as whom. */
struct command {
    struct words argv, env;
    const char *builtin, *user, *directory;
    bool tty, has_input;
    unsigned short rows, columns;
};

struct job {
    struct words boot_modules, agent_modules, volumes;
    struct command command;
    const char *nonce, *root, *type, *hostname, *address, *gateway, *address6, *gateway6, *resolv, *hosts, *init, *mac, *seed;
    bool read_only, hold;
};

/* The program's own times on the guest's monotonic clock, in ns. */
struct times {
    int64_t first, ready;
};

/* job.c */
void add_word(struct words *words, char *word);
void parse_job(char *text, size_t size, struct job *job);

/* system.c */
int64_t now(int clock);
void say_ready(const char *nonce, struct times *times);
void die(const char *what, const char *which) __attribute__((noreturn));
void power_off(void) __attribute__((noreturn));
bool write_file(const char *path, const char *text, size_t size);
void make_directories(const char *path);
void mount_or_die(const char *source, const char *target, const char *type, unsigned long flags,
                  const char *options);
int open_module(const char *name);
void load_module(int module);
void remove_tree(const char *path);

/* root.c */
void enter_root(const struct job *job);
void mount_rest(void);
void mount_volumes(const struct job *job);

/* renew.c */
void renew(char *body, size_t size);

/* network.c */
void set_names(const struct job *job);
void start_network(const struct job *job);

/* payload.c */
void run_command(const struct command *command) __attribute__((noreturn));

/* copy.c */
int copy_in(const char *target, const char *name);
int copy_out(const char *source);

/* channel.c */
enum frame {
    HELLO = 1, RUN, INPUT, OUTPUT, ERRORS, CREDIT, STATUS, SIGNAL, SIZE, CLOCK, SET_CLOCK, STOP, RENEW
};
#define WINDOW (256 << 10)

struct channel {
    int port, events;
    /* The port may be there before any event. */
    bool is_built_in;
};

void channel_expect(struct channel *channel);
bool channel_open(struct channel *channel);
size_t channel_room(void);
void channel_send(enum frame type, unsigned id, const void *body, size_t size);
ssize_t channel_send_from(int source, enum frame type, unsigned id, size_t most);
void channel_preview(const char *nonce);
bool channel_waits(void);
void channel_flush(struct channel *channel);
void channel_finish(struct channel *channel);
bool channel_receive(struct channel *channel,
                     void (*take)(enum frame type, unsigned id, char *body, size_t size));

/* task.c */
struct task;
void task_start(unsigned id, const struct command *command);
void task_input(unsigned id, const char *data, size_t size);
void task_credit(unsigned id, uint32_t bytes);
void task_signal(unsigned id, int number, bool whole_group);
void task_resize(unsigned id, unsigned short rows, unsigned short columns);
void tasks_reap(void);
size_t tasks_poll(void *polls);
bool tasks_serve(const void *polls);
#define LONGEST_POLL (64 * 3)

/* agent.c */
void serve(const struct job *job, struct channel *channel, const int *modules, struct times times)
    __attribute__((noreturn));

#endif
