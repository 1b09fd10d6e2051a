// The least a program can do to count the TCP sockets by state over sock_diag: ask for all, and
// look at one byte of each. sock_diag_floor READINGS PAUSE, with PAUSE in milliseconds: says for
// each reading its CPU time in nanoseconds and the number of TIME_WAITs it saw. The pause keeps the
// rhythm of a sampler, whose caches are cold as well.
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TIME_WAIT 6

// All states up to NEW_SYN_RECV, 12. The one after it asks for sockets that are only bound, in
// another table.
#define STATES 0x1ffe

// The kernel fills at most 32 KiB, and remembers the largest buffer it saw: so it is one buffer,
// and never another size.
static _Alignas(struct nlmsghdr) char buffer[32 * 1024];
static long counts[256];

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "sock_diag_floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

// Asks for all states of both families, which is one walk of the kernel's table.
static void ask(int descriptor) {
    struct {
        struct nlmsghdr header;
        struct inet_diag_req request;
    } message = {
        .header = {
            .nlmsg_len = sizeof message,
            .nlmsg_type = TCPDIAG_GETSOCK,
            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
        },
        .request = {.idiag_family = AF_INET, .idiag_states = STATES},
    };
    if (send(descriptor, &message, sizeof message, 0) != sizeof message) fail("send()");
}

static void dump(int descriptor) {
    memset(counts, 0, sizeof counts);
    ask(descriptor);
    for (;;) {
        ssize_t length = recv(descriptor, buffer, sizeof buffer, MSG_TRUNC);
        if (length < 0) fail("recv()");
        if (length > (ssize_t)sizeof buffer) fail("a message was cut");
        unsigned rest = length;
        for (struct nlmsghdr *header = (void *)buffer; NLMSG_OK(header, rest); header = NLMSG_NEXT(header, rest)) {
            if (header->nlmsg_type == NLMSG_DONE) return;
            if (header->nlmsg_type == NLMSG_ERROR) fail("the kernel refused");
            counts[((struct inet_diag_msg *)NLMSG_DATA(header))->idiag_state]++;
        }
    }
}

static long cpu_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * 1000000000 + time.tv_nsec;
}

int main(int count, char **arguments) {
    if (count != 3) {
        fputs("usage: sock_diag_floor READINGS PAUSE\n", stderr);
        return 64;
    }
    int descriptor = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (descriptor < 0) fail("a netlink socket");
    for (long left = atol(arguments[1]); left > 0; left--) {
        usleep(atol(arguments[2]) * 1000);
        long start = cpu_nanoseconds();
        dump(descriptor);
        printf("%ld %ld\n", cpu_nanoseconds() - start, counts[TIME_WAIT]);
    }
    return 0;
}
