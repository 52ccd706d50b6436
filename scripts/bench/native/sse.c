/* Watchers over server-sent events: one HTTP/1.1 connection each, with the request bytes from a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "link.h"
#include "modes.h"
#include "options.h"
#include "watchers.h"

enum { LINE_KEPT = 48, IN_CAPACITY = 16 * 1024 };

typedef struct {
  link_t link;
  int index;
  bool in_body, chunked;
  /* Bytes of the current chunk that are still to come. */
  size_t chunk_rest;
  /* The beginning of the current line. */
  char line[LINE_KEPT + 1];
  size_t line_length;
} watcher;

static watchers all;
/* The answer of all connections is read into one buffer: thousands of them stay small. */
static uint8_t shared[IN_CAPACITY * 8];

static void line_ended(watcher *w) {
  w->line[w->line_length < LINE_KEPT ? w->line_length : LINE_KEPT] = 0;
  if (strncmp(w->line, "id: ", 4) == 0) watchers_saw(&all, w->index, strtoull(w->line + 4, NULL, 10));
  w->line_length = 0;
}

static void keep(watcher *w, const uint8_t *bytes, size_t length) {
  if (w->line_length < LINE_KEPT) {
    size_t room = LINE_KEPT - w->line_length;
    memcpy(w->line + w->line_length, bytes, length < room ? length : room);
  }
  w->line_length += length;
}

static void take_text(watcher *w, const uint8_t *bytes, size_t length) {
  const uint8_t *end = bytes + length;
  while (bytes < end) {
    const uint8_t *newline = memchr(bytes, '\n', (size_t)(end - bytes));
    keep(w, bytes, (size_t)((newline ? newline : end) - bytes));
    if (!newline) return;
    line_ended(w);
    bytes = newline + 1;
  }
}

/* Cuts chunks out of the transfer coding; returns how many bytes were used up. */
static size_t take_chunks(watcher *w, const uint8_t *bytes, size_t length) {
  size_t at = 0;
  while (at < length) {
    if (w->chunk_rest > 0) {
      size_t piece = w->chunk_rest < length - at ? w->chunk_rest : length - at;
      /* The last two bytes of a chunk are its line end. */
      size_t text = w->chunk_rest > 2 ? (piece < w->chunk_rest - 2 ? piece : w->chunk_rest - 2) : 0;
      take_text(w, bytes + at, text);
      w->chunk_rest -= piece;
      at += piece;
      continue;
    }
    const uint8_t *newline = memchr(bytes + at, '\n', length - at);
    if (!newline) break;
    size_t size = strtoul((const char *)bytes + at, NULL, 16);
    if (size == 0) {
      fprintf(stderr, "The server ended a watch\n");
      exit(1);
    }
    w->chunk_rest = size + 2;
    at = (size_t)(newline - bytes) + 1;
  }
  return at;
}

static size_t take_head(watcher *w, uint8_t *bytes, size_t length) {
  uint8_t *end = memmem(bytes, length, "\r\n\r\n", 4);
  if (!end) return 0;
  *end = 0;
  if (!strstr((char *)bytes, " 200")) {
    fprintf(stderr, "A watch was refused: %s\n", (char *)bytes);
    exit(1);
  }
  w->in_body = true;
  w->chunked = strcasestr((char *)bytes, "transfer-encoding: chunked") != NULL;
  return (size_t)(end - bytes) + 4;
}

/* Reads into the shared buffer behind what this connection had left over. */
static void turn(watcher *w) {
  size_t held = w->link.in_length;
  memcpy(shared, w->link.in, held);
  link_t view = w->link;
  view.in = shared;
  view.in_capacity = sizeof shared;
  link_read(&view);
  if (view.closed) {
    fprintf(stderr, "The server closed a watch\n");
    exit(1);
  }
  size_t at = w->in_body ? 0 : take_head(w, shared, view.in_length);
  if (w->in_body) {
    if (w->chunked) at += take_chunks(w, shared + at, view.in_length - at);
    else take_text(w, shared + at, view.in_length - at), at = view.in_length;
  }
  w->link.in_length = view.in_length - at;
  if (w->link.in_length > w->link.in_capacity) fail("A line is too long");
  memcpy(w->link.in, shared + at, w->link.in_length);
}

static void listen_to_all(watcher *each, uint32_t events) {
  for (int i = 0; i < all.count; i++) {
    struct epoll_event event = {.events = events, .data.ptr = &each[i]};
    if (epoll_ctl(all.epoll, EPOLL_CTL_MOD, each[i].link.fd, &event) != 0) fail("epoll_ctl");
  }
}

int sse_main(void) {
  blob request = option_file("request", 0);
  watchers_open(&all, (int)option_number("connections", 1), option_number("paused", 0) != 0);
  watcher *each = calloc((size_t)all.count, sizeof *each);
  for (int i = 0; i < all.count; i++) {
    each[i].index = i;
    link_open(&each[i].link, all.epoll, option_number("port", 0), IN_CAPACITY, &each[i]);
    link_write(&each[i].link, request.bytes, request.length);
    link_flush(&each[i].link, all.epoll, &each[i]);
  }
  bool paused = all.paused;
  if (paused) listen_to_all(each, 0);
  struct epoll_event ready[256];
  for (;;) {
    int count = epoll_wait(all.epoll, ready, 256, -1);
    for (int i = 0; i < count; i++) {
      if (ready[i].data.ptr == &all) watchers_command(&all);
      else turn(ready[i].data.ptr);
    }
    if (paused && !all.paused) listen_to_all(each, EPOLLIN);
    paused = all.paused;
  }
}
