/* idle MS MIB    waits so long, has so much memory, prints `ready`, and waits until it is ended */

#include "measure.h"

int main(int count, char **words)
{
    long milliseconds = count > 1 ? atol(words[1]) : 0, bytes = count > 2 ? atol(words[2]) * MIB : 0;
    struct timespec rest = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    if (bytes)
        touch(region(bytes), bytes);
    nanosleep(&rest, NULL);
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
