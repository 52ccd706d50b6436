/* Durations of single requests, all kept, for exact percentiles. */
#ifndef TIMES_H
#define TIMES_H

#include <stdint.h>

void times_add(uint64_t ns);

/* Prints `"p50_us":…,"p99_us":…,"max_us":…`. */
void times_print(void);

#endif
