/*
 * A slow and lossy wire between two network interfaces, in user space: for kernels without netem.
 *
 *   slow-link INTERFACE INTERFACE DELAY_MICROSECONDS LOSS_PER_MILLE SEED
 *
 * Every frame that comes in at one interface leaves at the other after the delay, unless it is lost.
 * The header that carries checksum and segmentation offload goes along (PACKET_VNET_HDR).
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_BYTES_MAX (70 * 1024)
#define FRAMES_MAX 4096

struct frame {
  int64_t due_us;
  ssize_t length;
  unsigned char *bytes;
};

/* A queue for one direction: frames leave in the order in which they came. */
struct wire {
  int in, out;
  struct frame frames[FRAMES_MAX];
  size_t first, count;
};

static int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int open_interface(const char *name) {
  int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
  struct packet_mreq promiscuous = {.mr_type = PACKET_MR_PROMISC};
  int on = 1;
  address.sll_ifindex = promiscuous.mr_ifindex = (int)if_nametoindex(name);
  if (fd < 0 || address.sll_ifindex == 0 ||
      setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) != 0 ||
      setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 ||
      bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
      setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous) != 0) {
    perror(name);
    exit(1);
  }
  return fd;
}

static void take(struct wire *wire, int64_t delay_us, int loss_per_mille) {
  static unsigned char buffer[FRAME_BYTES_MAX];
  ssize_t length = recv(wire->in, buffer, sizeof buffer, MSG_DONTWAIT);
  if (length <= 0 || wire->count == FRAMES_MAX || random() % 1000 < loss_per_mille) return;
  struct frame *frame = &wire->frames[(wire->first + wire->count) % FRAMES_MAX];
  frame->bytes = malloc((size_t)length);
  if (frame->bytes == NULL) return;
  memcpy(frame->bytes, buffer, (size_t)length);
  frame->length = length;
  frame->due_us = now_us() + delay_us;
  wire->count++;
}

/* Sends what is due; returns the microseconds until the next frame is, or -1 if none waits. */
static int64_t give(struct wire *wire) {
  while (wire->count > 0) {
    struct frame *frame = &wire->frames[wire->first];
    int64_t left = frame->due_us - now_us();
    if (left > 0) return left;
    /* A frame that the interface does not take is lost, as on any wire. */
    if (send(wire->out, frame->bytes, (size_t)frame->length, MSG_DONTWAIT) < 0) perror("send");
    free(frame->bytes);
    wire->first = (wire->first + 1) % FRAMES_MAX;
    wire->count--;
  }
  return -1;
}

int main(int argc, char **argv) {
  static struct wire there, back;
  if (argc != 6) return 2;
  there.in = back.out = open_interface(argv[1]);
  there.out = back.in = open_interface(argv[2]);
  int64_t delay_us = atoll(argv[3]);
  int loss = atoi(argv[4]);
  srandom((unsigned)atoi(argv[5]));
  puts("ready");
  fflush(stdout);
  for (;;) {
    int64_t a = give(&there), b = give(&back);
    int64_t wait = a < 0 ? b : b < 0 ? a : a < b ? a : b;
    struct pollfd fds[2] = {{.fd = there.in, .events = POLLIN}, {.fd = back.in, .events = POLLIN}};
    if (poll(fds, 2, wait < 0 ? 1000 : (int)(wait / 1000) + 1) < 0) return 1;
    if (fds[0].revents != 0) take(&there, delay_us, loss);
    if (fds[1].revents != 0) take(&back, delay_us, loss);
  }
}
