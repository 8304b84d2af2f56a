/* The socket by which others attach, and learn of the container's end when it closes.
 *
 * To the container: `a` attach, `i` input, `e` end of input, `w` rows and columns as two uint16_t.
 * From it: `o` and `e`, what it wrote to standard output and error, and `x`, its exit status and whether memory ran
 * out. Whoever sent no `a` gets no output.
 *
 * The first client, whose socket comes with the container, misses nothing: what it doesn't read the container can't
 * write. At the end it is waited for until it is gone, as it may see to what is left to do, and kill us.
 */

#define _GNU_SOURCE
#include "monitor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define PATIENCE 1000 /* milliseconds that the container waits for a client that doesn't read */

int input_fd = -1, listener = -1, first_client = -1;
static struct {
    int fd;
    bool is_attached;
} clients[CLIENTS];
static int client_count;
static struct packet {
    struct packet *next;
    size_t size;
    char data[];
} *kept, **last = &kept; /* packets that the first client had no room for */
static char input[STEP];
static size_t input_size;

bool attach_is_behind(void)
{
    return kept;
}

static void drop(int number)
{
    if (clients[number].fd == first_client) {
        first_client = -1;
        for (struct packet *next; kept; kept = next) {
            next = kept->next;
            free(kept);
        }
        last = &kept;
    }
    close(clients[number].fd);
    clients[number] = clients[--client_count];
}

/* Gives the first client what it has room for; false when it is gone. */
static bool give_kept(void)
{
    while (kept) {
        struct packet *packet = kept;

        if (send(first_client, packet->data, packet->size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            return errno == EAGAIN;
        kept = packet->next;
        free(packet);
    }
    last = &kept;
    return true;
}

static void keep(const char *data, size_t size)
{
    struct packet *packet = malloc(sizeof *packet + size);

    if (!packet)
        return;
    packet->next = NULL;
    packet->size = size;
    memcpy(packet->data, data, size);
    *last = packet;
    last = &packet->next;
}

void attach_open(void)
{
    if (first_client >= 0) {
        clients[client_count].is_attached = true;
        clients[client_count++].fd = first_client;
    }
}

int attach_poll(struct pollfd *polled)
{
    /* While input waits for the container nobody's more is taken. */
    polled[0] = (struct pollfd){input_size ? input_fd : -1, POLLOUT, 0};
    polled[1] = (struct pollfd){client_count < CLIENTS ? listener : -1, POLLIN, 0};
    for (int i = 0; i < client_count; i++)
        polled[i + 2] = (struct pollfd){clients[i].fd, input_size ? 0 : POLLIN, 0};
    for (int i = 0; kept && i < client_count; i++)
        polled[i + 2].events |= clients[i].fd == first_client ? POLLOUT : 0;
    return client_count + 2;
}

static void give_input(void)
{
    ssize_t written = input_fd < 0 ? -1 : write(input_fd, input, input_size);

    if (written < 0)
        written = input_fd < 0 ? (ssize_t)input_size : 0;
    input_size -= written;
    memmove(input, input + written, input_size);
}

static void take_packet(int number)
{
    static char packet[STEP];
    ssize_t size = recv(clients[number].fd, packet, sizeof packet, MSG_DONTWAIT);
    uint16_t window[2];

    if (size <= 0) {
        drop(number);
        return;
    }
    if (*packet == 'a')
        clients[number].is_attached = true;
    else if (*packet == 'i') {
        input_size = size - 1;
        memcpy(input, packet + 1, input_size);
        give_input();
    } else if (*packet == 'e' && input_fd >= 0 && !isatty(input_fd)) {
        close(input_fd);
        input_fd = -1;
    } else if (*packet == 'w' && size == 1 + sizeof window) {
        memcpy(window, packet + 1, sizeof window);
        ioctl(input_fd, TIOCSWINSZ, &(struct winsize){window[0], window[1], 0, 0});
    }
}

void attach_events(const struct pollfd *polled, int count)
{
    if (polled[0].revents & (POLLERR | POLLNVAL)) {
        close(input_fd);
        input_fd = -1;
    }
    if (polled[0].revents)
        give_input();
    /* Backwards, as the last takes the place of one that is dropped. */
    for (int i = count - 3; i >= 0; i--)
        if (i >= client_count || polled[i + 2].fd != clients[i].fd)
            continue;
        else if (polled[i + 2].revents & POLLOUT && !give_kept())
            drop(i);
        else if (polled[i + 2].revents & ~POLLOUT && !input_size)
            take_packet(i);
        else if (polled[i + 2].revents & (POLLHUP | POLLERR))
            drop(i);
    if (polled[1].revents) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0) {
            clients[client_count].is_attached = false;
            clients[client_count++].fd = fd;
        }
    }
}

void attach_output(char kind, const char *data, size_t size)
{
    static char packet[STEP + 1];

    *packet = kind;
    memcpy(packet + 1, data, size);
    for (int i = client_count - 1; i >= 0; i--) {
        struct pollfd writable = {clients[i].fd, POLLOUT, 0};

        if (clients[i].fd == first_client) {
            keep(packet, size + 1);
            if (!give_kept())
                drop(i);
        } else if (clients[i].is_attached && send(clients[i].fd, packet, size + 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
                   (poll(&writable, 1, PATIENCE) <= 0 ||
                    send(clients[i].fd, packet, size + 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0))
            drop(i);
    }
}

/* Waits until the first client is gone, giving it what is left. */
static void await_first(void)
{
    char packet[STEP];

    while (first_client >= 0) {
        struct pollfd polled = {first_client, POLLIN | (kept ? POLLOUT : 0), 0};

        if (!give_kept() || poll(&polled, 1, -1) < 0)
            drop(0);
        else if (polled.revents & ~POLLOUT && recv(first_client, packet, sizeof packet, MSG_DONTWAIT) <= 0)
            drop(0);
    }
}

void attach_close(int code, bool is_out_of_memory)
{
    char packet[32];
    int size = snprintf(packet, sizeof packet, "x%d %d", code, is_out_of_memory);

    unlink("attach");
    close(listener);
    for (int i = client_count - 1; i >= 0; i--)
        if (clients[i].fd == first_client) {
            keep(packet, size);
        } else {
            send(clients[i].fd, packet, size, MSG_DONTWAIT | MSG_NOSIGNAL);
            drop(i);
        }
    await_first();
}
