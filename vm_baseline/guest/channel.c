/* Frames over the virtio-serial port named tare.agent.

   A frame is a head of eight bytes, little endian, and a body: length of the body (32 bits), id (16), type (8),
   zero (8). */

#define _GNU_SOURCE
#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLASS "virtio-ports"
#define PORTS "/sys/class/" CLASS
#define PORT_NAME "tare.agent\n"
#define HEAD 8
#define LONGEST_BODY (1 << 20)
/* <linux/netlink.h>, which a C library may lack. */
#define NETLINK_KOBJECT_UEVENT 15
#define UEVENTS 1
#define KEPT (64 << 10)
#define LONGEST_PIECE (32 << 10)
#define LONGEST_PREVIEW 128

struct netlink_address {
    unsigned short family, zero;
    uint32_t port, groups;
};

static unsigned char outgoing[512 << 10];
static size_t out_start, out_end;
static bool is_previewed;
static char incoming[HEAD + LONGEST_BODY + (64 << 10)];
static size_t in_start, in_end;

/* Hears of devices from now on, so that none is missed between a look and the wait for the next. */
void channel_expect(struct channel *channel) {
    struct netlink_address all = {.family = AF_NETLINK, .groups = UEVENTS};
    channel->port = -1;
    channel->is_built_in = true;
    channel->events = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
    if (channel->events < 0 || bind(channel->events, (struct sockaddr *)&all, sizeof all) < 0)
        die("hear of", "devices");
}

static bool is_ours(const char *port) {
    char path[300], name[32] = "";
    snprintf(path, sizeof path, PORTS "/%s/name", port);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    if (read(file, name, sizeof name - 1) < 0)
        *name = 0;
    close(file);
    return !strcmp(name, PORT_NAME);
}

/* Whether one of the events since was about a port; most are about other devices. */
static bool is_news(int events) {
    char event[8192];
    bool news = false;
    for (ssize_t size; (size = recv(events, event, sizeof event, 0)) > 0;)
        news |= memmem(event, size, CLASS, strlen(CLASS)) != NULL;
    return news;
}

/* Opens the port if it is there by now. */
bool channel_open(struct channel *channel) {
    char path[300];
    if (!is_news(channel->events) && !channel->is_built_in)
        return false;
    channel->is_built_in = false;
    DIR *ports = opendir(PORTS);
    for (struct dirent *entry; ports && channel->port < 0 && (entry = readdir(ports));)
        if (*entry->d_name != '.' && is_ours(entry->d_name)) {
            snprintf(path, sizeof path, "/dev/%s", entry->d_name);
            channel->port = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        }
    if (ports)
        closedir(ports);
    if (channel->port < 0)
        return false;
    close(channel->events);
    channel->events = -1;
    is_previewed = true;
    return true;
}

static void compact(void) {
    if (out_start == out_end)
        out_start = out_end = 0;
    if (out_start > sizeof outgoing / 2) {
        memmove(outgoing, outgoing + out_start, out_end - out_start);
        out_end -= out_start;
        out_start = 0;
    }
}

/* How long the body of a frame may be now; 0: none may be sent. */
size_t channel_room(void) {
    if (!is_previewed)
        return out_end ? 0 : LONGEST_PREVIEW - HEAD;
    compact();
    /* What is left is kept for small frames. */
    return sizeof outgoing - out_end > KEPT + LONGEST_PIECE ? LONGEST_PIECE : 0;
}

/* The first frame goes over the serial line too where the port isn't there yet: it is what a start is measured
   by, and a driver takes its time. */
void channel_preview(const char *nonce) {
    char line[64 + 2 * LONGEST_PREVIEW];
    if (is_previewed || !out_end)
        return;
    int length = snprintf(line, 64, "%s:channel ", nonce);
    for (size_t i = 0; i < out_end && i < LONGEST_PREVIEW; i++)
        length += sprintf(line + length, "%02x", outgoing[i]);
    line[length++] = '\n';
    /* Whatever becomes of it, all comes over the channel as well. */
    is_previewed = write(STDOUT_FILENO, line, length) != 0;
}

static void write_head(enum frame type, unsigned id, size_t size) {
    unsigned char head[HEAD] = {size, size >> 8, size >> 16, size >> 24, id, id >> 8, type};
    memcpy(outgoing + out_end, head, HEAD);
    out_end += HEAD;
}

void channel_send(enum frame type, unsigned id, const void *body, size_t size) {
    compact();
    if (size + HEAD > sizeof outgoing - out_end)
        die("answer", "the host");
    write_head(type, id, size);
    memcpy(outgoing + out_end, body, size);
    out_end += size;
}

/* Sends what can be read; how much that was, as read(2) has it. */
ssize_t channel_send_from(int source, enum frame type, unsigned id, size_t most) {
    size_t room = channel_room();
    if (most > room)
        most = room;
    ssize_t got = read(source, outgoing + out_end + HEAD, most);
    if (got > 0) {
        write_head(type, id, got);
        out_end += got;
    }
    return got;
}

bool channel_waits(void) {
    return out_start < out_end;
}

void channel_flush(struct channel *channel) {
    while (channel_waits()) {
        ssize_t done = write(channel->port, outgoing + out_start, out_end - out_start);
        if (done <= 0)
            return;
        out_start += done;
    }
}

/* A write that blocks returns once the host has taken the bytes. */
void channel_finish(struct channel *channel) {
    if (channel->port < 0)
        return;
    fcntl(channel->port, F_SETFL, 0);
    channel_flush(channel);
}

/* Takes what has arrived; false when the host isn't connected. */
bool channel_receive(struct channel *channel,
                     void (*take)(enum frame type, unsigned id, char *body, size_t size)) {
    ssize_t got = read(channel->port, incoming + in_end, sizeof incoming - in_end);
    if (got <= 0)
        return got < 0 && errno == EAGAIN;
    in_end += got;
    while (in_end - in_start >= HEAD) {
        unsigned char *head = (unsigned char *)incoming + in_start;
        size_t size = head[0] | head[1] << 8 | head[2] << 16 | (size_t)head[3] << 24;
        if (size > LONGEST_BODY)
            die("understand", "the host");
        if (in_end - in_start - HEAD < size)
            break;
        take(head[6], head[4] | head[5] << 8, incoming + in_start + HEAD, size);
        in_start += HEAD + size;
    }
    if (in_start == in_end) {
        in_start = in_end = 0;
    } else if (in_start > sizeof incoming - HEAD - LONGEST_BODY - 4096) {
        memmove(incoming, incoming + in_start, in_end - in_start);
        in_end -= in_start;
        in_start = 0;
    }
    return true;
}
