#define _GNU_SOURCE
#include "connections.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// The ephemeral range of the namespace, and the part of it that the clients use. They bind() their
// ports, and connect() passes over such a port, whatever its address: the rest of the range is for
// everybody else.
#define RANGE "20000 60999"
#define FIRST_PORT 30000
#define PORTS 31000
#define FIRST_SERVICE 8080
#define SERVICES 8

// Clients use 127.1.0.0/16, so that a packet filter can tell them from everybody else on the
// loopback link.
#define FIRST_CLIENT 0x7f010001u
#define SERVER 0x7f000001u

struct connection connection_of(long number) {
    long round = number / PORTS;
    return (struct connection){
        .local_address = FIRST_CLIENT + round / SERVICES,
        .local_port = FIRST_PORT + number % PORTS,
        .remote_address = SERVER,
        .remote_port = FIRST_SERVICE + round % SERVICES,
    };
}

static struct sockaddr_in address(uint32_t address, uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(address), .sin_port = htons(port)};
}

static void set(int descriptor, int level, int option, int value, const char *what) {
    if (setsockopt(descriptor, level, option, &value, sizeof value)) fail(what);
}

void connection_close(const struct connection *connection, struct segments *segments) {
    struct sockaddr_in local = address(connection->local_address, connection->local_port);
    struct sockaddr_in remote = address(connection->remote_address, connection->remote_port);
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) fail("a socket");
    set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
    // In repair mode connect() makes an ESTABLISHED socket without a packet, which is what makes
    // this fast.
    set(descriptor, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON, "TCP_REPAIR");
    if (bind(descriptor, (struct sockaddr *)&local, sizeof local)) fail("bind()");
    if (connect(descriptor, (struct sockaddr *)&remote, sizeof remote)) fail("connect()");
    // Without a window the FIN would not be sent, and so could not be acknowledged.
    struct tcp_repair_window window = {.snd_wnd = 65535, .max_window = 65535, .rcv_wnd = 65535};
    if (setsockopt(descriptor, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, sizeof window)) fail("TCP_REPAIR_WINDOW");
    set(descriptor, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP, "the end of TCP_REPAIR");
    close(descriptor);
    segments_add(segments, connection, SEGMENT_FIN);
}

static void sysctl(const char *path, const char *value) {
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0 || write(descriptor, value, strlen(value)) < 0) fail(path);
    close(descriptor);
}

// A million TIME_WAITs and a packet filter are nothing for a machine's own namespace, which has
// links beside lo.
static void refuse_used_namespace(void) {
    struct if_nameindex *links = if_nameindex();
    if (!links) fail("the list of network links");
    for (struct if_nameindex *link = links; link->if_index; link++) {
        if (strcmp(link->if_name, "lo")) {
            fprintf(stderr, "timewait_generator: this network namespace has a link %s; run it in one of its own\n",
                    link->if_name);
            exit(1);
        }
    }
    if_freenameindex(links);
}

void connections_prepare(void) {
    refuse_used_namespace();
    sysctl("/proc/sys/net/ipv4/tcp_max_tw_buckets", "8000000");
    sysctl("/proc/sys/net/ipv4/tcp_tw_reuse", "0");
    sysctl("/proc/sys/net/ipv4/ip_local_port_range", RANGE);
    // With 1 an RST would not end a TIME_WAIT.
    sysctl("/proc/sys/net/ipv4/tcp_rfc1337", "0");
    for (int service = 0; service < SERVICES; service++) {
        struct sockaddr_in local = address(INADDR_ANY, FIRST_SERVICE + service);
        int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (descriptor < 0) fail("a socket");
        set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
        if (bind(descriptor, (struct sockaddr *)&local, sizeof local) || listen(descriptor, 1)) fail("listen()");
    }
}
