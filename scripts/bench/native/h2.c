#include "h2.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, WINDOW_UPDATE = 8 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8 };
enum { FRAME_HEADER = 9, FRAME_MAX = 16384, WINDOW = 1 << 30, WINDOW_STEP = 1 << 24 };

static uint32_t read_u32(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_u32(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 24);
  at[1] = (uint8_t)(value >> 16);
  at[2] = (uint8_t)(value >> 8);
  at[3] = (uint8_t)value;
}

static void write_frame(h2_connection *c, int type, int flags, uint32_t stream, const void *payload, size_t length) {
  uint8_t header[FRAME_HEADER] = {(uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length, (uint8_t)type, (uint8_t)flags};
  put_u32(header + 5, stream);
  link_write(&c->link, header, sizeof header);
  link_write(&c->link, payload, length);
}

static void grant(h2_connection *c, uint32_t stream, uint32_t bytes) {
  uint8_t payload[4];
  put_u32(payload, bytes);
  write_frame(c, WINDOW_UPDATE, 0, stream, payload, sizeof payload);
}

void h2_open(h2_connection *c, int epoll, long port, int streams, const h2_events *events) {
  *c = (h2_connection){.epoll = epoll, .events = events, .window = 65535, .stream_window = 65535, .next_id = 1};
  c->streams_count = streams;
  c->streams = calloc((size_t)streams, sizeof *c->streams);
  if (!c->streams) fail("calloc");
  for (int i = 0; i < streams; i++) c->streams[i].connection = c;
  link_open(&c->link, epoll, port, 128 * 1024, c);
  link_write(&c->link, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
  uint8_t settings[12] = {0, 2, 0, 0, 0, 0, 0, 4};
  put_u32(settings + 8, WINDOW);
  write_frame(c, SETTINGS, 0, 0, settings, sizeof settings);
  grant(c, 0, WINDOW - 65535);
}

void h2_request(h2_stream *s, const h2_head *head, const uint8_t *message, size_t length, bool last) {
  h2_connection *c = s->connection;
  s->id = c->next_id;
  c->next_id += 2;
  s->window = c->stream_window;
  s->received = 0;
  bool again = c->headers_sent;
  c->headers_sent = true;
  write_frame(c, HEADERS, END_HEADERS, s->id, again ? head->again : head->first,
              again ? head->again_length : head->first_length);
  s->message = message;
  s->length = length;
  s->sent = 0;
  s->last = last;
  h2_pump(s);
}

void h2_pump(h2_stream *s) {
  h2_connection *c = s->connection;
  while (s->id && s->message) {
    size_t piece = s->length - s->sent;
    if (piece > FRAME_MAX) piece = FRAME_MAX;
    if ((long)piece > s->window) piece = s->window > 0 ? (size_t)s->window : 0;
    if ((long)piece > c->window) piece = c->window > 0 ? (size_t)c->window : 0;
    if (piece == 0) return;
    bool complete = s->sent + piece == s->length;
    write_frame(c, DATA, complete && s->last ? END_STREAM : 0, s->id, s->message + s->sent, piece);
    s->sent += piece;
    s->window -= (long)piece;
    c->window -= (long)piece;
    if (!complete) continue;
    s->message = NULL;
    s->sent = 0;
    if (!s->last && c->events->sent) c->events->sent(s);
  }
}

static h2_stream *find(h2_connection *c, uint32_t id) {
  for (int i = 0; id && i < c->streams_count; i++) {
    /* Streams are mostly opened in the order of their slots. */
    int guess = (int)((id / 2 + (uint32_t)i) % (uint32_t)c->streams_count);
    if (c->streams[guess].id == id) return &c->streams[guess];
  }
  return NULL;
}

static void pump_all(h2_connection *c) {
  for (int i = 0; i < c->streams_count && c->window > 0; i++) h2_pump(&c->streams[i]);
}

static void end(h2_stream *s, bool ok) {
  s->id = 0;
  s->message = NULL;
  if (s->connection->events->closed) s->connection->events->closed(s, ok);
}

static void take_data(h2_connection *c, h2_stream *s, int flags, const uint8_t *payload, size_t length) {
  c->received += (long)length;
  if (c->received >= WINDOW_STEP) {
    grant(c, 0, (uint32_t)c->received);
    c->received = 0;
  }
  if (!s) return;
  s->received += (long)length;
  if (s->received >= WINDOW_STEP) {
    grant(c, s->id, (uint32_t)s->received);
    s->received = 0;
  }
  size_t padding = flags & PADDED ? 1 + (size_t)payload[0] : 0;
  c->events->data(s, payload + (flags & PADDED ? 1 : 0), length - padding);
}

static void take_settings(h2_connection *c, const uint8_t *payload, size_t length) {
  for (size_t at = 0; at + 6 <= length; at += 6) {
    if (payload[at] != 0 || payload[at + 1] != 4) continue;
    long window = (long)read_u32(payload + at + 2);
    for (int i = 0; i < c->streams_count; i++) c->streams[i].window += window - c->stream_window;
    c->stream_window = window;
  }
  write_frame(c, SETTINGS, ACK, 0, "", 0);
  pump_all(c);
}

static void take_frame(h2_connection *c, int type, int flags, uint32_t id, const uint8_t *payload, size_t length) {
  h2_stream *s = find(c, id);
  if (type == DATA) take_data(c, s, flags, payload, length);
  if (type == SETTINGS && !(flags & ACK)) take_settings(c, payload, length);
  if (type == PING && !(flags & ACK)) write_frame(c, PING, ACK, 0, payload, length);
  if (type == WINDOW_UPDATE && s) {
    s->window += read_u32(payload);
    h2_pump(s);
  }
  if (type == WINDOW_UPDATE && id == 0) {
    c->window += read_u32(payload);
    pump_all(c);
  }
  if (type == GOAWAY && read_u32(payload + 4) != 0) {
    fprintf(stderr, "The server ended the connection: error %u %.*s\n", read_u32(payload + 4), (int)(length - 8), payload + 8);
  }
  if (type == RST_STREAM && s) end(s, false);
  if ((type == DATA || type == HEADERS) && flags & END_STREAM && s && s->id) end(s, true);
}

void h2_turn(h2_connection *c) {
  if (link_read(&c->link) > 0) {
    size_t at = 0;
    while (c->link.in_length - at >= FRAME_HEADER) {
      const uint8_t *header = c->link.in + at;
      size_t length = (size_t)header[0] << 16 | (size_t)header[1] << 8 | header[2];
      if (c->link.in_length - at < FRAME_HEADER + length) break;
      take_frame(c, header[3], header[4], read_u32(header + 5) & 0x7fffffff, header + FRAME_HEADER, length);
      at += FRAME_HEADER + length;
    }
    link_consume(&c->link, at);
  }
  link_flush(&c->link, c->epoll, c);
  if (!c->link.closed) return;
  fprintf(stderr, "The server closed a connection\n");
  exit(1);
}
