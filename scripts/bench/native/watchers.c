#include "watchers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "options.h"

void watchers_open(watchers *w, int count, bool paused) {
  *w = (watchers){.count = count, .paused = paused, .epoll = epoll_create1(0)};
  w->sequences = calloc((size_t)count, sizeof *w->sequences);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = w};
  if (!w->sequences || epoll_ctl(w->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0) fail("watchers");
}

void watchers_saw(watchers *w, int watcher, uint64_t sequence) {
  w->deliveries++;
  if (sequence != w->sequences[watcher] + 1) w->disorder++;
  if (w->sequences[watcher] == 0 && ++w->begun == w->count) printf("{\"begun\":%d}\n", w->count);
  w->sequences[watcher] = sequence;
}

static void print_state(const watchers *w) {
  uint64_t slowest = UINT64_MAX;
  for (int i = 0; i < w->count; i++) {
    if (w->sequences[i] < slowest) slowest = w->sequences[i];
  }
  printf("{\"ns\":%llu,\"deliveries\":%llu,\"disorder\":%llu,\"slowest\":%llu}\n", (unsigned long long)now_ns(),
         (unsigned long long)w->deliveries, (unsigned long long)w->disorder, (unsigned long long)slowest);
}

void watchers_command(watchers *w) {
  char line[256];
  ssize_t length = read(STDIN_FILENO, line, sizeof line - 1);
  if (length <= 0) exit(0);
  line[length] = 0;
  if (strstr(line, "read")) w->paused = false;
  if (strstr(line, "count")) print_state(w);
}
