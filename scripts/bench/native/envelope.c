#include "envelope.h"

#include <stdlib.h>
#include <string.h>

#include "options.h"

enum { PREFIX = 5 };

/* Hands out the complete messages at the beginning; returns how many bytes they were. */
static size_t cut(const uint8_t *bytes, size_t length, envelope_message message, void *owner) {
  size_t at = 0;
  while (length - at >= PREFIX) {
    const uint8_t *p = bytes + at;
    size_t size = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
    if (length - at < PREFIX + size) break;
    message(owner, p[0], p + PREFIX, size);
    at += PREFIX + size;
  }
  return at;
}

static void hold(envelope *e, const uint8_t *bytes, size_t length) {
  if (e->length + length > e->capacity) {
    e->capacity = (e->length + length) * 2;
    e->held = realloc(e->held, e->capacity);
    if (!e->held) fail("realloc");
  }
  memcpy(e->held + e->length, bytes, length);
  e->length += length;
}

void envelope_take(envelope *e, const uint8_t *bytes, size_t length, envelope_message message, void *owner) {
  if (e->length == 0) {
    size_t taken = cut(bytes, length, message, owner);
    if (taken < length) hold(e, bytes + taken, length - taken);
    return;
  }
  hold(e, bytes, length);
  size_t taken = cut(e->held, e->length, message, owner);
  e->length -= taken;
  memmove(e->held, e->held + taken, e->length);
}
