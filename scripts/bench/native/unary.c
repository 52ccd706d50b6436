/* Closed-loop unary calls: every stream slot sends the next request when its answer has ended. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "h2.h"
#include "modes.h"
#include "options.h"
#include "times.h"

enum { MESSAGE_FIELD_ONE = 0x0a };

typedef struct {
  blob body;
  uint64_t began_ns;
  size_t answered;
  bool good;
} call;

static h2_head head;
static size_t skip;
static uint64_t measure_from, measure_until, last_answer;
static unsigned long done, failed;

static void begin(h2_stream *s) {
  call *c = s->owner;
  c->answered = 0;
  c->good = false;
  c->began_ns = now_ns();
  h2_request(s, &head, c->body.bytes, c->body.length, true);
}

/* An answer is good if its message begins with field 1, which errors of no protocol do. */
static void data(h2_stream *s, const uint8_t *bytes, size_t length) {
  call *c = s->owner;
  if (c->answered <= skip && skip < c->answered + length) c->good = bytes[skip - c->answered] == MESSAGE_FIELD_ONE;
  c->answered += length;
}

static void closed(h2_stream *s, bool ok) {
  call *c = s->owner;
  uint64_t now = now_ns();
  if (!ok || !c->good) {
    if (failed++ > 1000) exit(1);
  } else if (now >= measure_from && now < measure_until) {
    done++;
    last_answer = now;
    times_add(now - c->began_ns);
  }
  if (now < measure_until) begin(s);
}

static const h2_events events = {.data = data, .closed = closed};

int unary_main(void) {
  int connections = (int)option_number("connections", 1), streams = (int)option_number("streams", 1);
  blob first = option_file("first", 0), again = option_file("again", 0);
  head = (h2_head){first.bytes, again.bytes, first.length, again.length};
  skip = (size_t)option_number("skip", 0);
  int bodies = 0;
  while (option("body", bodies)) bodies++;

  int epoll = epoll_create1(0);
  h2_connection *all = calloc((size_t)connections, sizeof *all);
  measure_from = now_ns() + (uint64_t)option_number("warm_ms", 500) * 1000000u;
  measure_until = measure_from + (uint64_t)option_number("measure_ms", 2000) * 1000000u;
  for (int i = 0; i < connections; i++) {
    h2_open(&all[i], epoll, option_number("port", 0), streams, &events);
    blob body = option_file("body", bodies ? i % bodies : 0);
    call *calls = calloc((size_t)streams, sizeof *calls);
    for (int j = 0; j < streams; j++) {
      calls[j].body = body;
      all[i].streams[j].owner = &calls[j];
      begin(&all[i].streams[j]);
    }
    link_flush(&all[i].link, epoll, &all[i]);
  }
  struct epoll_event ready[256];
  while (now_ns() < measure_until) {
    int count = epoll_wait(epoll, ready, 256, 100);
    for (int i = 0; i < count; i++) h2_turn(ready[i].data.ptr);
  }
  printf("{\"done\":%lu,\"failed\":%lu,\"seconds\":%.6f,", done, failed, (double)(measure_until - measure_from) / 1e9);
  times_print();
  printf("}\n");
  return 0;
}
