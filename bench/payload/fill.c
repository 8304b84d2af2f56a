/* fill MIB    takes memory until it is killed for it, or has so much; prints a line with each MiB's number */

#include "measure.h"

int main(int count, char **words)
{
    long most = count > 1 ? atol(words[1]) : 0;
    for (long have = 1; have <= most; have++) {
        touch(region(MIB), MIB);
        printf("%ld\n", have);
        fflush(stdout);
    }
    return 0;
}
