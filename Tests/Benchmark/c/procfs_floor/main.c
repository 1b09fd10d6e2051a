// The least a program can do to get the TCP sockets from procfs: read both files, and not look at a
// byte. procfs_floor READINGS PAUSE, with PAUSE in milliseconds: says for each reading its CPU time
// in nanoseconds and the number of rows of tcp, of any state. The pause keeps the rhythm of a
// sampler, whose caches are cold as well.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// A row of tcp, and its headline. Rows of tcp6 are longer, all shorter than the slack.
#define ROW 150
#define SLACK 256

static char buffer[64 * 1024];

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "procfs_floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

// Stops at the first read() that does not fill the kernel's page: while the table grows, reading on
// may never end.
static long bytes_of(const char *path) {
    long bytes = 0, page = sysconf(_SC_PAGESIZE);
    ssize_t length;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail(path);
    do {
        length = read(descriptor, buffer, sizeof buffer);
        if (length < 0) fail(path);
        bytes += length;
    } while (length >= page - SLACK);
    close(descriptor);
    return bytes;
}

static long cpu_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * 1000000000 + time.tv_nsec;
}

int main(int count, char **arguments) {
    if (count != 3) {
        fputs("usage: procfs_floor READINGS PAUSE\n", stderr);
        return 64;
    }
    for (long left = atol(arguments[1]); left > 0; left--) {
        usleep(atol(arguments[2]) * 1000);
        long start = cpu_nanoseconds();
        long rows = bytes_of("/proc/thread-self/net/tcp") / ROW - 1;
        bytes_of("/proc/thread-self/net/tcp6");
        printf("%ld %ld\n", cpu_nanoseconds() - start, rows);
    }
    return 0;
}
