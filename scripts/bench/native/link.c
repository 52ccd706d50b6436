#include "link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "options.h"

void link_open(link_t *link, int epoll, long port, size_t in_capacity, void *owner) {
  *link = (link_t){.fd = socket(AF_INET, SOCK_STREAM, 0), .in_capacity = in_capacity, .in = malloc(in_capacity)};
  if (link->fd < 0 || !link->in) fail("socket");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(link->fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
  int yes = 1;
  setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  fcntl(link->fd, F_SETFL, fcntl(link->fd, F_GETFL) | O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = owner};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, link->fd, &event) != 0) fail("epoll_ctl");
}

void link_write(link_t *link, const void *bytes, size_t length) {
  if (link->out_length + length > link->out_capacity) {
    link->out_capacity = (link->out_length + length) * 2;
    link->out = realloc(link->out, link->out_capacity);
    if (!link->out) fail("realloc");
  }
  memcpy(link->out + link->out_length, bytes, length);
  link->out_length += length;
}

void link_flush(link_t *link, int epoll, void *owner) {
  while (link->out_sent < link->out_length) {
    ssize_t sent = send(link->fd, link->out + link->out_sent, link->out_length - link->out_sent, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) link->closed = true;
    if (sent < 0) break;
    link->out_sent += (size_t)sent;
  }
  if (link->out_sent == link->out_length) link->out_sent = link->out_length = 0;
  bool waits = link->out_length > 0 && !link->closed;
  if (waits == link->waits_for_room) return;
  link->waits_for_room = waits;
  struct epoll_event event = {.events = EPOLLIN | (waits ? EPOLLOUT : 0), .data.ptr = owner};
  if (epoll_ctl(epoll, EPOLL_CTL_MOD, link->fd, &event) != 0) fail("epoll_ctl");
}

size_t link_read(link_t *link) {
  ssize_t got = read(link->fd, link->in + link->in_length, link->in_capacity - link->in_length);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (got <= 0) {
    link->closed = true;
    return 0;
  }
  link->in_length += (size_t)got;
  return (size_t)got;
}

void link_consume(link_t *link, size_t length) {
  link->in_length -= length;
  memmove(link->in, link->in + length, link->in_length);
}
