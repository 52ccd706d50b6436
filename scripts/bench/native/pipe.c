/* Streams of requests (AppendStream): every stream keeps a number of messages unanswered. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "envelope.h"
#include "h2.h"
#include "modes.h"
#include "options.h"
#include "times.h"

enum { MESSAGE_FIELD_ONE = 0x0a, IN_FLIGHT_MAX = 4096 };

typedef struct {
  h2_stream *stream;
  envelope answers;
  /* When the messages without answer were handed over, a ring. */
  uint64_t began_ns[IN_FLIGHT_MAX];
  unsigned long begun, answered;
  uint64_t answered_ns;
} pipeline;

static blob body;
static unsigned long in_flight, total, begun_all, done, all_done, failed;
static long rate;
static uint64_t started, measure_from, measure_until, finished;
static pipeline *pipelines;
static int pipelines_count;

static bool may_send(const pipeline *p, uint64_t now) {
  if (p->begun - p->answered >= in_flight || now >= measure_until) return false;
  if (total && begun_all >= total) return false;
  return !rate || begun_all <= (unsigned long)((double)(now - started) / 1e9 * (double)rate);
}

static void next(h2_stream *s) {
  pipeline *p = s->owner;
  uint64_t now = now_ns();
  if (s->message || !may_send(p, now)) return;
  p->began_ns[p->begun++ % IN_FLIGHT_MAX] = now;
  begun_all++;
  s->message = body.bytes;
  s->length = body.length;
}

static void answer(void *owner, uint8_t flags, const uint8_t *message, size_t length) {
  pipeline *p = owner;
  uint64_t now = now_ns();
  if (flags & ~1u) return;
  if (length == 0 || message[0] != MESSAGE_FIELD_ONE) {
    if (failed++ > 1000) exit(1);
  }
  all_done++;
  finished = now;
  if (now >= measure_from && now < measure_until) {
    done++;
    times_add(now - p->began_ns[p->answered % IN_FLIGHT_MAX]);
  }
  p->answered++;
  p->answered_ns = now;
}

/* Streams that had messages to answer and answered none in the second half of the measured time. */
static int silent(void) {
  uint64_t half = measure_from + (measure_until - measure_from) / 2;
  int count = 0;
  for (int i = 0; i < pipelines_count; i++) count += pipelines[i].begun > pipelines[i].answered && pipelines[i].answered_ns < half;
  return count;
}

static void data(h2_stream *s, const uint8_t *bytes, size_t length) {
  pipeline *p = s->owner;
  envelope_take(&p->answers, bytes, length, answer, p);
  next(s);
  h2_pump(s);
}

static void closed(h2_stream *s, bool ok) {
  (void)s;
  fprintf(stderr, "The server ended a stream (%s)\n", ok ? "with an answer" : "by a reset");
  exit(1);
}

static const h2_events events = {.sent = next, .data = data, .closed = closed};

static void open_all(int epoll, int connections, int streams) {
  blob first = option_file("first", 0);
  h2_head head = {first.bytes, first.bytes, first.length, first.length};
  h2_connection *all = calloc((size_t)connections, sizeof *all);
  pipelines_count = connections * streams;
  pipelines = calloc((size_t)pipelines_count, sizeof *pipelines);
  for (int i = 0; i < pipelines_count; i++) {
    h2_connection *c = &all[i / streams];
    if (i % streams == 0) h2_open(c, epoll, option_number("port", 0), streams, &events);
    pipeline *p = &pipelines[i];
    p->stream = &c->streams[i % streams];
    p->stream->owner = p;
    h2_request(p->stream, &head, NULL, 0, false);
  }
}

static void push_all(int epoll) {
  for (int i = 0; i < pipelines_count; i++) {
    h2_stream *s = pipelines[i].stream;
    next(s);
    h2_pump(s);
    link_flush(&s->connection->link, epoll, s->connection);
  }
}

int pipe_main(void) {
  body = option_file("body", 0);
  in_flight = (unsigned long)option_number("in_flight", 64);
  if (in_flight > IN_FLIGHT_MAX) in_flight = IN_FLIGHT_MAX;
  total = (unsigned long)option_number("total", 0);
  rate = option_number("rate", 0);

  int epoll = epoll_create1(0);
  started = now_ns();
  measure_from = started + (uint64_t)option_number("warm_ms", 500) * 1000000u;
  measure_until = measure_from + (uint64_t)option_number("measure_ms", 2000) * 1000000u;
  open_all(epoll, (int)option_number("connections", 1), (int)option_number("streams", 1));
  push_all(epoll);
  struct epoll_event ready[256];
  while (now_ns() < measure_until && !(total && all_done >= total)) {
    int count = epoll_wait(epoll, ready, 256, rate ? 1 : 100);
    for (int i = 0; i < count; i++) h2_turn(ready[i].data.ptr);
    if (rate) push_all(epoll);
  }
  /* Unless a total bounds the run, what was answered in the measured time counts. */
  uint64_t ns = total ? finished - started : measure_until - measure_from;
  printf("{\"done\":%lu,\"failed\":%lu,\"silent\":%d,\"seconds\":%.6f,", total ? all_done : done, failed,
         total ? 0 : silent(), (double)ns / 1e9);
  times_print();
  printf("}\n");
  return 0;
}
