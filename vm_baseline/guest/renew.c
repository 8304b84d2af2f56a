/* A guest that was saved goes on as another: what must not be the same in two of them is made anew. */

#include "guest.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_SEED 64
/* <linux/random.h>, which a C library may lack. */
#define RNDADDENTROPY _IOW('R', 0x03, int[2])
#define RNDRESEEDCRNG _IO('R', 0x07)

/* The kernel's generator takes the seed (hexadecimal digits) and forgets what it would have said next;
   see random(4). */
static void reseed(const char *digits) {
    struct {
        int bits, size;
        unsigned char bytes[LONGEST_SEED];
    } pool = {0};
    while (pool.size < LONGEST_SEED && sscanf(digits, "%2hhx", &pool.bytes[pool.size]) == 1) {
        digits += 2;
        pool.size++;
    }
    pool.bits = 8 * pool.size;
    int device = open("/dev/urandom", O_RDWR | O_CLOEXEC);
    if (device < 0 || ioctl(device, RNDADDENTROPY, &pool) < 0 || ioctl(device, RNDRESEEDCRNG) < 0)
        die("reseed", "/dev/urandom");
    close(device);
}

void renew(char *body, size_t size) {
    struct times times = {.first = now(CLOCK_MONOTONIC)};
    struct job job = {0};
    parse_job(body, size, &job);
    if (job.seed)
        reseed(job.seed);
    set_names(&job);
    start_network(&job);
    say_ready(job.nonce, &times);
}
