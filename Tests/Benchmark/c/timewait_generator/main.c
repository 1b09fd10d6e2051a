// Makes TIME_WAIT sockets in known numbers and keeps them, far beyond their 60 seconds, until its
// input ends. It is told what to do on standard input, a command a line, and answers "ok" on
// standard output when that is done:
//
//   grow COUNT        have COUNT in all, as fast as it goes
//   grow COUNT RATE   the same, with RATE new ones a second
//   churn RATE        from now on replace RATE connections a second; 0 stops that
//
// It needs a network namespace of its own, with lo up and a rule that drops what 127.1.0.0/16 sends
// to 127.0.0.1, ports 8080 to 8087: those FINs would reach listeners that know nothing of the
// connections, and be answered with an RST.
#define _GNU_SOURCE
#include "connections.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define REFRESH_SECONDS 30

// How many TIME_WAITs there are to keep.
static atomic_long held;

// Held while a batch is replaced, so that all are there whenever nobody holds it.
static pthread_mutex_t churning = PTHREAD_MUTEX_INITIALIZER;
static long churn_rate;

_Noreturn void fail(const char *what) {
    fprintf(stderr, "timewait_generator: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static void sleep_until(double moment) {
    double seconds = moment - now();
    if (seconds > 0) usleep(seconds * 1e6);
}

// Refreshes all, evenly spread, once in REFRESH_SECONDS.
static void *refresh(void *unused) {
    (void)unused;
    struct segments *segments = segments_open();
    long next = 0;
    for (double tick = now();; tick += 0.1) {
        sleep_until(tick);
        long count = held, part = count / (REFRESH_SECONDS * 10) + 1;
        for (long i = 0; i < part && count > 0; i++, next++) {
            if (next >= count) next = 0;
            struct connection connection = connection_of(next);
            segments_add(segments, &connection, SEGMENT_ACK);
        }
        segments_send(segments);
    }
}

// Replaces churn_rate a second, one after the other. The number stays the same, and each new one is
// a new socket.
static void *churn(void *unused) {
    (void)unused;
    struct segments *segments = segments_open();
    long next = 0;
    for (double tick = now();;) {
        sleep_until(tick);
        pthread_mutex_lock(&churning);
        long rate = churn_rate, count = held;
        if (rate > 0 && count >= BATCH) {
            if (next + BATCH > count) next = 0;
            for (long i = next; i < next + BATCH; i++) {
                struct connection connection = connection_of(i);
                segments_add(segments, &connection, SEGMENT_RST);
            }
            segments_send(segments);
            for (long i = next; i < next + BATCH; i++) {
                struct connection connection = connection_of(i);
                connection_close(&connection, segments);
            }
            segments_send(segments);
            next += BATCH;
            tick += (double)BATCH / rate;
        } else {
            tick = now() + 0.01;
        }
        pthread_mutex_unlock(&churning);
    }
}

struct growth {
    long from, to, rate;
};

static void *grow(void *argument) {
    const struct growth *growth = argument;
    struct segments *segments = segments_open();
    double start = now();
    for (long i = growth->from; i < growth->to; i++) {
        struct connection connection = connection_of(i);
        connection_close(&connection, segments);
        if (growth->rate > 0 && (i - growth->from) % BATCH == BATCH - 1) {
            held = i + 1;
            sleep_until(start + (double)(i - growth->from) / growth->rate);
        }
    }
    segments_close(segments);
    return NULL;
}

static pthread_t start(void *(*function)(void *), void *argument) {
    pthread_t thread;
    errno = pthread_create(&thread, NULL, function, argument);
    if (errno) fail("a thread");
    return thread;
}

// As fast as it goes is with two threads; a steady rate needs one.
static void grow_to(long count, long rate) {
    long from = held, middle = rate > 0 ? count : from + (count - from) / 2;
    struct growth first = {from, middle, rate}, second = {middle, count, rate};
    pthread_t other = start(grow, &second);
    grow(&first);
    pthread_join(other, NULL);
    held = count;
    if (rate > 0) return;
    // The first of a million are too old by now to wait for their turn.
    struct segments *segments = segments_open();
    for (long i = 0; i < count; i++) {
        struct connection connection = connection_of(i);
        segments_add(segments, &connection, SEGMENT_ACK);
    }
    segments_send(segments);
    segments_close(segments);
}

int main(void) {
    char line[80];
    long count, rate;
    connections_prepare();
    start(refresh, NULL);
    start(churn, NULL);
    while (fgets(line, sizeof line, stdin)) {
        int numbers = sscanf(line, "grow %ld %ld", &count, &rate);
        if (numbers >= 1 && count >= held && count <= CONNECTIONS_LIMIT) {
            grow_to(count, numbers == 2 ? rate : 0);
        } else if (sscanf(line, "churn %ld", &rate) == 1 && rate >= 0) {
            pthread_mutex_lock(&churning);
            churn_rate = rate;
            pthread_mutex_unlock(&churning);
        } else {
            fprintf(stderr, "timewait_generator: cannot do this: %s", line);
            return 1;
        }
        puts("ok");
        fflush(stdout);
    }
    return 0;
}
