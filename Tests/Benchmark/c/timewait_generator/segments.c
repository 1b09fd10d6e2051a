#define _GNU_SOURCE
#include "segments.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64

struct segment {
    struct iphdr ip;
    struct tcphdr tcp;
};

struct segments {
    int descriptor;
    unsigned count;
    struct segment segments[BATCH];
    struct sockaddr_in destinations[BATCH];
    struct iovec vectors[BATCH];
    struct mmsghdr messages[BATCH];
};

struct segments *segments_open(void) {
    struct segments *segments = calloc(1, sizeof *segments);
    if (!segments) fail("memory");
    // IPPROTO_RAW: the IP header is ours too, since the far end's address is not this socket's.
    segments->descriptor = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (segments->descriptor < 0) fail("a raw socket");
    for (int i = 0; i < BATCH; i++) {
        segments->vectors[i] = (struct iovec){&segments->segments[i], sizeof(struct segment)};
        segments->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &segments->destinations[i],
            .msg_namelen = sizeof segments->destinations[i],
            .msg_iov = &segments->vectors[i],
            .msg_iovlen = 1,
        };
    }
    return segments;
}

// The checksum of RFC 1071 over a TCP header and its pseudo header. The kernel does the IP
// header's.
static uint16_t checksum(const struct segment *segment) {
    uint32_t sum = htons(IPPROTO_TCP) + htons(sizeof segment->tcp);
    uint16_t words[sizeof segment->tcp / 2];
    memcpy(words, &segment->tcp, sizeof words);
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) sum += words[i];
    sum += (segment->ip.saddr >> 16) + (segment->ip.saddr & 0xffff);
    sum += (segment->ip.daddr >> 16) + (segment->ip.daddr & 0xffff);
    while (sum >> 16) sum = (sum >> 16) + (sum & 0xffff);
    return ~sum;
}

void segments_add(struct segments *segments, const struct connection *connection, enum segment_kind kind) {
    struct segment *segment = &segments->segments[segments->count];
    *segment = (struct segment){
        .ip = {
            .version = 4,
            .ihl = 5,
            .ttl = 64,
            .protocol = IPPROTO_TCP,
            .tot_len = htons(sizeof *segment),
            .saddr = htonl(connection->remote_address),
            .daddr = htonl(connection->local_address),
        },
        .tcp = {
            .source = htons(connection->remote_port),
            .dest = htons(connection->local_port),
            // Sequence numbers begin at 0 on both sides, because no SYN has set others; a FIN takes
            // one.
            .seq = htonl(kind == SEGMENT_FIN ? 0 : 1),
            .ack_seq = htonl(1),
            .doff = sizeof segment->tcp / 4,
            .ack = 1,
            .fin = kind == SEGMENT_FIN,
            .rst = kind == SEGMENT_RST,
            .window = htons(1000),
        },
    };
    segment->tcp.check = checksum(segment);
    segments->destinations[segments->count] = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr.s_addr = segment->ip.daddr,
    };
    segments->count++;
    if (segments->count == BATCH) segments_send(segments);
}

void segments_send(struct segments *segments) {
    unsigned sent = 0;
    while (sent < segments->count) {
        int count = sendmmsg(segments->descriptor, segments->messages + sent, segments->count - sent, 0);
        if (count > 0) {
            sent += count;
        } else if (errno == ENOBUFS || errno == EAGAIN || errno == EINTR) {
            usleep(100);
        } else {
            fail("sending segments");
        }
    }
    segments->count = 0;
}

void segments_close(struct segments *segments) {
    segments_send(segments);
    close(segments->descriptor);
    free(segments);
}
