/* Answers requests that arrive every 5 ms, whether or not the last one is done, and tells how long each took.

   victim COUNT DIRECTORY    a line each: nanoseconds from a request's arrival to its answer

   A request reads 64 KiB of memory, then writes 4 KiB to a file in the directory and waits until they are on the
   disk. Time is counted from when a request was due, so that one which is late makes the next ones late as well.
   After two seconds no more are taken. */

#include "measure.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { WORDS = 64 * 1024 / sizeof(uint64_t), BLOCK = 4096, BLOCKS = 256, LONGEST = 4000 };
static const int64_t INTERVAL = 5000000, ALL = 2000000000;

static void wait_until(int64_t due)
{
    struct timespec at = {due / 1000000000, due % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL))
        ;
}

int main(int count, char **words)
{
    static volatile uint64_t memory[WORDS];
    static char block[BLOCK];
    static int64_t took[LONGEST];
    int most = count == 3 ? atoi(words[1]) : 0;
    if (most < 1 || most > LONGEST || chdir(words[2])) {
        fprintf(stderr, "usage: victim COUNT DIRECTORY, at most %d\n", LONGEST);
        return EXIT_FAILURE;
    }
    int file = open("victim", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file == -1)
        fail("victim");
    unlink("victim");
    int done = 0;
    int64_t begun = nanoseconds(), due = begun;
    for (; done < most && nanoseconds() - begun < ALL; done++, due += INTERVAL) {
        wait_until(due);
        for (size_t word = 0; word < WORDS; word++)
            memory[word] = memory[word] + 1;
        if (pwrite(file, block, BLOCK, (off_t)(done % BLOCKS) * BLOCK) != BLOCK || fdatasync(file))
            fail("victim");
        took[done] = nanoseconds() - due;
    }
    for (int each = 0; each < done; each++)
        printf("%lld\n", (long long)took[each]);
    return EXIT_SUCCESS;
}
