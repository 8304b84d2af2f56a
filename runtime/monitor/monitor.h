/* What the parts of the monitor share. */

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STEP 16384 /* bytes read at once; a longer line is logged in pieces, as docker does */
#define CLIENTS 32

/* log.c: docker's json-file format */
struct stream {
    int fd;
    const char *name;
    char line[STEP];
    size_t length;
};

extern long log_max_size;
extern int log_max_files;
void log_open(void);
void log_output(struct stream *stream, const char *data, size_t size);
void log_flush(struct stream *stream);
int64_t now(void);

/* attach.c: a socket whose packets start with a letter; see attach.py of the lifecycle package */
extern int input_fd, listener, first_client;
void attach_open(void);
int attach_poll(struct pollfd *polled);
void attach_events(const struct pollfd *polled, int count);
void attach_output(char kind, const char *data, size_t size);
bool attach_is_behind(void);
void attach_close(int code, bool is_out_of_memory);

/* init.c: process 1 of a container with --init */
int init(char **command);
