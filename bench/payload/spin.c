/* spin SAMPLES    the `share` of a processor it gets, each sample over half a second

   A quota gives the same in every period, so that any whole number of them shows it, wherever they begin. While
   the program is kept from running its CPU time stands still: read late, it is still that of the sample's end. */

#include "measure.h"

static void run_until(double end)
{
    while (now() < end)
        continue;
}

int main(int count, char **words)
{
    static const double PERIOD = 0.1, SAMPLE = 0.5;
    long samples = count > 1 ? atol(words[1]) : 1;
    double begun = now() + PERIOD;
    run_until(begun);
    double used = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (long number = 1; number <= samples; number++) {
        run_until(begun + (double)number * SAMPLE);
        double before = used;
        used = seconds(CLOCK_PROCESS_CPUTIME_ID);
        printf("share %.6f\n", (used - before) / SAMPLE);
    }
    return 0;
}
