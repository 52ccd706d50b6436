/* A non-blocking loopback TCP connection with buffers, registered with one epoll set. */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  int fd;
  uint8_t *out;
  size_t out_length, out_sent, out_capacity;
  uint8_t *in;
  size_t in_length, in_capacity;
  bool waits_for_room;
  bool closed;
} link_t;

/* Connects to 127.0.0.1 (waiting until it is connected) and registers `owner` for its events. */
void link_open(link_t *link, int epoll, long port, size_t in_capacity, void *owner);

/* Queues bytes; link_flush sends them. */
void link_write(link_t *link, const void *bytes, size_t length);

/* Sends what the socket takes now. */
void link_flush(link_t *link, int epoll, void *owner);

/* Reads what fits into the free part of `in`; returns how much, 0 if there is nothing now. Sets `closed` at the end. */
size_t link_read(link_t *link);

/* Removes `length` bytes from the beginning of `in`. */
void link_consume(link_t *link, size_t length);

#endif
