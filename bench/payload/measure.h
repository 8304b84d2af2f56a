/* What the programs that take time have in common: each prints a line `name sample` for each raw sample. */

#ifndef MEASURE_H
#define MEASURE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MIB (1L << 20)

struct benchmark {
    const char *name;
    /* One raw sample, in seconds or per second. */
    double (*sample)(void);
};

/* Print why and end. */
static inline void __attribute__((noreturn)) fail(const char *what)
{
    perror(what);
    exit(1);
}

static inline double seconds(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static inline double now(void)
{
    return seconds(CLOCK_MONOTONIC);
}

static inline long long nanoseconds(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static inline double next_time(void)
{
    double at = now(), next;
    while ((next = now()) == at)
        continue;
    return next;
}

/* Seconds from one value of the clock to the next: a small guest may have none that is finer than its timer,
   whatever clock_getres says. */
static inline double resolution(void)
{
    double at = next_time();
    return next_time() - at;
}

/* Seconds that one of so many operations takes; their number grows until they take long enough for the clock. */
static inline double per_operation(void (*repeat)(long operations), long *operations)
{
    static const double LONG_ENOUGH = 0.005, STEPS = 20;
    static double least;
    if (!least)
        least = resolution() * STEPS;
    if (least < LONG_ENOUGH)
        least = LONG_ENOUGH;
    for (;;) {
        double begun = now();
        repeat(*operations);
        double taken = now() - begun;
        if (taken >= least)
            return taken / (double)*operations;
        *operations *= 2;
    }
}

/* New memory, none of its pages there yet. */
static inline void *region(long bytes)
{
    void *memory = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        fail("mmap");
    return memory;
}

static inline void release(void *memory, long bytes)
{
    if (munmap(memory, (size_t)bytes))
        fail("munmap");
}

static inline long page_size(void)
{
    return sysconf(_SC_PAGESIZE);
}

/* Write to each of its pages. */
static inline void touch(void *memory, long bytes)
{
    long page = page_size();
    for (volatile char *at = memory, *end = at + bytes; at < end; at += page)
        *at = 1;
}

static inline void fault_in(long pages)
{
    static const long AT_ONCE = 1024;
    for (; pages > 0; pages -= AT_ONCE) {
        long bytes = (pages < AT_ONCE ? pages : AT_ONCE) * page_size();
        void *memory = region(bytes);
        touch(memory, bytes);
        release(memory, bytes);
    }
}

/* All benchmarks in turn, so that what disturbs one disturbs the others, too. */
static inline void measure(const struct benchmark *benchmarks, long samples)
{
    while (samples--)
        for (const struct benchmark *each = benchmarks; each->name; each++)
            printf("%s %.9g\n", each->name, each->sample());
}

#endif
