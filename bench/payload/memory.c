/* The memory that a program sees.

     memory SAMPLES

   Bytes per second as STREAM's copy and triad (McCalpin 1995), seconds of a dependent load as
   lmbench's lat_mem_rd (McVoy and Staelin 1996), and page faults per second. */

#include "measure.h"

/* Larger than most caches, and all four fit into a small guest. */
#define ELEMENTS (2 * MIB)
#define BYTES (ELEMENTS * (long)sizeof(double))
#define LINE 64

static double *from, *with, *to;

static void prepare(void)
{
    if (from)
        return;
    from = region(BYTES);
    with = region(BYTES);
    to = region(BYTES);
    for (long i = 0; i < ELEMENTS; i++)
        from[i] = 1, with[i] = 2, to[i] = 0;
}

static double copy(void)
{
    prepare();
    double begun = now();
    for (long i = 0; i < ELEMENTS; i++)
        to[i] = from[i];
    /* Or the compiler may leave out what nobody reads. */
    __asm__ volatile("" : : "r"(to) : "memory");
    return 2 * (double)BYTES / (now() - begun);
}

static double triad(void)
{
    prepare();
    double begun = now();
    for (long i = 0; i < ELEMENTS; i++)
        to[i] = from[i] + 3 * with[i];
    __asm__ volatile("" : : "r"(to) : "memory");
    return 3 * (double)BYTES / (now() - begun);
}

static void **place;

/* One cycle through all cache lines in random order (Sattolo 1986), so that no prefetcher knows the next. */
static void link_lines(void)
{
    enum { POINTERS = LINE / sizeof(void *) };
    long lines = BYTES / LINE;
    void **memory = region(BYTES);
    long *order = region(lines * (long)sizeof *order);
    for (long i = 0; i < lines; i++)
        order[i] = i;
    srand48(1);
    for (long i = lines - 1; i > 0; i--) {
        long other = lrand48() % i, kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    for (long i = 0; i < lines; i++)
        memory[order[i] * POINTERS] = memory + order[(i + 1) % lines] * POINTERS;
    release(order, lines * (long)sizeof *order);
    place = memory;
}

static void follow(long loads)
{
    void **at = place;
    while (loads--)
        at = *at;
    place = at;
}

static double latency(void)
{
    static long loads = 1 << 14;
    if (!place)
        link_lines();
    return per_operation(follow, &loads);
}

static double faults(void)
{
    static long pages = 64;
    return 1 / per_operation(fault_in, &pages);
}

int main(int count, char **words)
{
    static const struct benchmark benchmarks[] = {
        {"copy", copy}, {"triad", triad}, {"random-access", latency}, {"page-faults", faults}, {0},
    };
    measure(benchmarks, count > 1 ? atol(words[1]) : 1);
    return 0;
}
