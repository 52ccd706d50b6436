/* Watchers over gRPC or Connect streams: one stream each, many on a connection. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "envelope.h"
#include "h2.h"
#include "modes.h"
#include "options.h"
#include "watchers.h"

enum { ENTRY = 0x0a, SEQUENCE = 0x20, WIRE_VARINT = 0, WIRE_BYTES = 2 };

typedef struct {
  envelope events;
  int index;
} watcher;

static watchers all;

static uint64_t varint(const uint8_t **at, const uint8_t *end) {
  uint64_t value = 0;
  for (int shift = 0; *at < end && shift < 64; shift += 7) {
    uint8_t byte = *(*at)++;
    value |= (uint64_t)(byte & 127) << shift;
    if (byte < 128) break;
  }
  return value;
}

/* The sequence of the entry in a WatchEvent, 0 if there is none. */
static uint64_t sequence_of(const uint8_t *at, size_t length) {
  const uint8_t *end = at + length;
  if (length == 0 || *at++ != ENTRY) return 0;
  uint64_t entry_length = varint(&at, end);
  if (entry_length < (uint64_t)(end - at)) end = at + entry_length;
  while (at < end) {
    uint8_t tag = *at++;
    if (tag == SEQUENCE) return varint(&at, end);
    uint64_t value = varint(&at, end);
    if ((tag & 7) == WIRE_BYTES) at += value;
    else if ((tag & 7) != WIRE_VARINT) return 0;
  }
  return 0;
}

static void event(void *owner, uint8_t flags, const uint8_t *message, size_t length) {
  watcher *w = owner;
  if (flags != 0) {
    fprintf(stderr, "A watch ended: %.*s\n", (int)length, message);
    exit(1);
  }
  uint64_t sequence = sequence_of(message, length);
  if (sequence) watchers_saw(&all, w->index, sequence);
}

static void data(h2_stream *s, const uint8_t *bytes, size_t length) {
  watcher *w = s->owner;
  envelope_take(&w->events, bytes, length, event, w);
}

static void closed(h2_stream *s, bool ok) {
  (void)s;
  fprintf(stderr, "The server ended a watch (%s)\n", ok ? "with an answer" : "by a reset");
  exit(1);
}

static const h2_events events = {.data = data, .closed = closed};

int watch_main(void) {
  int connections = (int)option_number("connections", 1), streams = (int)option_number("streams", 1);
  blob first = option_file("first", 0), again = option_file("again", 0), body = option_file("body", 0);
  h2_head head = {first.bytes, again.bytes, first.length, again.length};
  watchers_open(&all, connections * streams, false);
  h2_connection *links = calloc((size_t)connections, sizeof *links);
  watcher *each = calloc((size_t)all.count, sizeof *each);
  for (int i = 0; i < all.count; i++) {
    h2_connection *c = &links[i / streams];
    if (i % streams == 0) h2_open(c, all.epoll, option_number("port", 0), streams, &events);
    each[i].index = i;
    c->streams[i % streams].owner = &each[i];
    h2_request(&c->streams[i % streams], &head, body.bytes, body.length, true);
    if ((i + 1) % streams == 0) link_flush(&c->link, all.epoll, c);
  }
  struct epoll_event ready[256];
  for (;;) {
    int count = epoll_wait(all.epoll, ready, 256, -1);
    for (int i = 0; i < count; i++) {
      if (ready[i].data.ptr == &all) watchers_command(&all);
      else h2_turn(ready[i].data.ptr);
    }
  }
}
