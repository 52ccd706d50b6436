/* What a set of watchers has seen, and the questions about it that come on standard input, one a line:
   "count" prints the state; "read" ends a pause; the end of input ends the process. */
#ifndef WATCHERS_H
#define WATCHERS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  uint64_t *sequences;
  int count;
  int begun;
  uint64_t deliveries;
  uint64_t disorder;
  bool paused;
  int epoll;
} watchers;

void watchers_open(watchers *w, int count, bool paused);

/* Counts one entry; it is out of order unless it follows the watcher's last one. */
void watchers_saw(watchers *w, int watcher, uint64_t sequence);

/* Answers a line of standard input. */
void watchers_command(watchers *w);

#endif
