/* Cuts a byte stream into messages with the five-byte prefix that gRPC and Connect streams share. */
#ifndef ENVELOPE_H
#define ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint8_t *held;
  size_t length, capacity;
} envelope;

typedef void (*envelope_message)(void *owner, uint8_t flags, const uint8_t *message, size_t length);

void envelope_take(envelope *e, const uint8_t *bytes, size_t length, envelope_message message, void *owner);

#endif
