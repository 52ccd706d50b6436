/* The client half of HTTP/2 (RFC 9113) with prior knowledge, as far as a load generator needs it: header blocks are
   given as bytes and answers' headers are not decoded. */
#ifndef H2_H
#define H2_H

#include "link.h"

typedef struct h2_connection h2_connection;

typedef struct {
  h2_connection *connection;
  uint32_t id; /* 0 while closed */
  long window;
  long received;
  /* What is being sent now, and whether it ends the request. */
  const uint8_t *message;
  size_t length, sent;
  bool last;
  void *owner;
} h2_stream;

typedef struct {
  /* The current message has left; set the next one or leave `message` NULL. */
  void (*sent)(h2_stream *stream);
  void (*data)(h2_stream *stream, const uint8_t *bytes, size_t length);
  /* The stream has ended and may be opened again; `ok` is false for a reset. */
  void (*closed)(h2_stream *stream, bool ok);
} h2_events;

struct h2_connection {
  link_t link;
  int epoll;
  const h2_events *events;
  long window, stream_window, received;
  uint32_t next_id;
  bool headers_sent;
  int streams_count;
  h2_stream *streams;
};

void h2_open(h2_connection *connection, int epoll, long port, int streams, const h2_events *events);

/* Begins a request. `first` is the header block of a connection's first request, `again` of the later ones. */
typedef struct {
  const uint8_t *first, *again;
  size_t first_length, again_length;
} h2_head;
void h2_request(h2_stream *stream, const h2_head *head, const uint8_t *message, size_t length, bool last);

/* Sends as much of the stream's messages as the windows allow. */
void h2_pump(h2_stream *stream);

/* Handles what has arrived, then sends what is queued. */
void h2_turn(h2_connection *connection);

#endif
