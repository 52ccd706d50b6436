#include "times.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "options.h"

static uint64_t *times;
static size_t count, capacity;

void times_add(uint64_t ns) {
  if (count == capacity) {
    capacity = capacity ? capacity * 2 : 65536;
    times = realloc(times, capacity * sizeof *times);
    if (!times) fail("realloc");
  }
  times[count++] = ns;
}

static int ascending(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* Nearest rank. */
static double percentile_us(double part) {
  if (count == 0) return 0;
  size_t rank = (size_t)ceil(part * (double)count);
  return (double)times[rank ? rank - 1 : 0] / 1000;
}

void times_print(void) {
  qsort(times, count, sizeof *times, ascending);
  printf("\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f", percentile_us(0.5), percentile_us(0.99), percentile_us(1));
}
