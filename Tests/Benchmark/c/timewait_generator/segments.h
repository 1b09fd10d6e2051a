// TCP segments that the far end of a connection would have sent, had there been one.
#pragma once

#include <stdint.h>

// A connection of the generator, from the end that is left in TIME_WAIT. Host byte order.
struct connection {
    uint32_t local_address, remote_address;
    uint16_t local_port, remote_port;
};

enum segment_kind {
    SEGMENT_FIN, // the far end closes too, and acknowledges our FIN: the socket becomes a TIME_WAIT
    SEGMENT_ACK, // a late acknowledgement: the TIME_WAIT begins its 60 seconds anew
    SEGMENT_RST, // the TIME_WAIT ends at once, where tcp_rfc1337 is 0
};

// Segments on their way out. They are sent 64 with one system call, which is a third of the cost of
// one by one.
struct segments;

struct segments *segments_open(void);
void segments_add(struct segments *segments, const struct connection *connection, enum segment_kind kind);
void segments_send(struct segments *segments);
void segments_close(struct segments *segments);

// Ends the program with a sentence about errno.
_Noreturn void fail(const char *what);
