/* One byte asked and answered over TCP, one connection at a time.

   netecho serve PORT                    answers until it is ended; says `ready` when it listens
   netecho ask ADDRESS PORT COUNT        asks over one connection; prints the ns of each round trip, a line each
   netecho connect ADDRESS PORT MS       connects, asks once and closes, over and over; prints how often, and the ns */

#include "measure.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in place(const char *address, const char *port)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    if (inet_pton(AF_INET, address, &place.sin_addr) != 1) {
        fprintf(stderr, "netecho: no address: %s\n", address);
        exit(2);
    }
    return place;
}

static int tcp(void)
{
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (connection < 0)
        fail("socket");
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return connection;
}

static int connected(const struct sockaddr_in *to)
{
    int connection = tcp();
    /* It is reset when it is closed, or the ports of closed ones would run out. */
    struct linger reset = {1, 0};
    setsockopt(connection, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (connect(connection, (const struct sockaddr *)to, sizeof *to))
        fail("connect");
    return connection;
}

static void ask(int connection)
{
    char byte = 1;
    if (write(connection, &byte, 1) != 1 || read(connection, &byte, 1) != 1)
        fail("no answer");
}

static void serve(const char *port)
{
    struct sockaddr_in any = place("0.0.0.0", port);
    int listening = tcp(), on = 1;
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listening, (struct sockaddr *)&any, sizeof any) || listen(listening, SOMAXCONN))
        fail("listen");
    puts("ready");
    fflush(stdout);
    for (;;) {
        int connection = accept(listening, NULL, NULL);
        char byte;
        if (connection < 0)
            continue;
        setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        while (read(connection, &byte, 1) == 1 && write(connection, &byte, 1) == 1)
            ;
        close(connection);
    }
}

static void ask_often(const struct sockaddr_in *to, long count)
{
    long long *taken = calloc(count > 0 ? count : 1, sizeof *taken);
    int connection = connected(to);
    if (!taken)
        fail("memory");
    ask(connection);
    for (long round = 0; round < count; round++) {
        long long begun = nanoseconds();
        ask(connection);
        taken[round] = nanoseconds() - begun;
    }
    for (long round = 0; round < count; round++)
        printf("%lld\n", taken[round]);
}

static void connect_often(const struct sockaddr_in *to, long milliseconds)
{
    long long begun = nanoseconds(), end = begun + milliseconds * 1000000LL, at;
    long count = 0;
    do {
        int connection = connected(to);
        ask(connection);
        close(connection);
        count++;
        at = nanoseconds();
    } while (at < end);
    printf("%ld %lld\n", count, at - begun);
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "serve"))
        serve(argv[2]);
    if (argc != 5) {
        fprintf(stderr, "usage: netecho serve PORT | ask ADDRESS PORT COUNT | connect ADDRESS PORT MS\n");
        return 2;
    }
    struct sockaddr_in to = place(argv[2], argv[3]);
    if (!strcmp(argv[1], "ask"))
        ask_often(&to, atol(argv[4]));
    else
        connect_often(&to, atol(argv[4]));
    return 0;
}
