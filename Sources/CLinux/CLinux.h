// The headers of the kernel and of the C library that Swift's Glibc module does not bring: netlink,
// sock_diag, routes, epoll, eventfd, perf events; and system calls that the C library may not have,
// or has for GNU sources only.
#ifndef CLINUX_H
#define CLINUX_H

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/// getdents64(2). glibc declares it for GNU sources only, which Swift's modules are not, and
/// syscall() is variadic.
static inline ssize_t clinux_getdents64(int folder, void *_Nullable entries, size_t size) {
    return syscall(SYS_getdents64, folder, entries, size);
}

/// struct epoll_event of the kernel (linux/eventpoll.h). With that header, and with glibc's, this
/// module would define again what Glibc does.
typedef struct {
    uint32_t events;
#ifndef __x86_64__
    uint32_t padding;
#endif
    int32_t descriptor;
    uint32_t unused;
} clinux_event;

// EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP; EPOLL_CTL_.
enum { CLINUX_EPOLLIN = 1, CLINUX_EPOLLOUT = 4, CLINUX_EPOLLERR = 8, CLINUX_EPOLLHUP = 16 };
enum { CLINUX_EPOLL_ADD = 1, CLINUX_EPOLL_DELETE = 2, CLINUX_EPOLL_MODIFY = 3 };

/// epoll_create1(2) with EPOLL_CLOEXEC, which is O_CLOEXEC.
static inline int clinux_epoll_create(void) { return (int)syscall(SYS_epoll_create1, 02000000); }

/// epoll_ctl(2).
static inline int clinux_epoll_change(int queue, int operation, int descriptor, uint32_t events) {
    clinux_event event = {.events = events, .descriptor = descriptor};
    return (int)syscall(SYS_epoll_ctl, queue, operation, descriptor, &event);
}

/// epoll_wait(2): the function of the C library, so that the same call is made as by libmicrohttpd.
int clinux_epoll_wait(int queue, clinux_event *_Nonnull events, int count, int milliseconds) __asm__("epoll_wait");

/// dup3(2) with O_CLOEXEC. glibc declares it for GNU sources only.
static inline int clinux_dup3(int descriptor, int as) { return (int)syscall(SYS_dup3, descriptor, as, 02000000); }

/// PR_SET_NAME of prctl(2), for the calling thread: at most 15 bytes. prctl() is variadic.
static inline void clinux_name_thread(const char *_Nonnull name) { syscall(SYS_prctl, 15, name, 0, 0, 0); }

/// pidfd_open(2), Linux 5.3. glibc has it since 2.36 only, and syscall() is variadic.
static inline int clinux_pidfd_open(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0U); }

/// pidfd_getfd(2), Linux 5.6. As above.
static inline int clinux_pidfd_getfd(int process, int descriptor) {
    return (int)syscall(SYS_pidfd_getfd, process, descriptor, 0U);
}

/// perf_event_open(2) for all processes on a CPU. glibc has no function for it, and syscall() is
/// variadic.
static inline int clinux_perf_event_open(struct perf_event_attr *_Nonnull attributes, int cpu) {
    return (int)syscall(SYS_perf_event_open, attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

// ioctl(2), by its number: the header of the C library would take the types of terminals from
// Swift's Glibc. Swift sees no macros of requests, and syscall() is variadic.

/// Has the kernel drop what an expression over the tracepoint's fields does not hold for.
static inline int clinux_perf_event_set_filter(int event, const char *_Nonnull filter) {
    return (int)syscall(SYS_ioctl, event, PERF_EVENT_IOC_SET_FILTER, filter);
}

/// Has an event write into the ring of another one.
static inline int clinux_perf_event_set_output(int event, int other) {
    return (int)syscall(SYS_ioctl, event, PERF_EVENT_IOC_SET_OUTPUT, other);
}

static inline int clinux_perf_event_enable(int event) { return (int)syscall(SYS_ioctl, event, PERF_EVENT_IOC_ENABLE, 0); }

/// How far the kernel has written its ring, after which the bytes before may be read
/// (perf_output_put_handle(), kernel/events/ring_buffer.c).
static inline uint64_t clinux_perf_ring_head(const struct perf_event_mmap_page *_Nonnull page) {
    return __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
}

/// Gives the bytes before a position back to the kernel.
static inline void clinux_perf_ring_release(struct perf_event_mmap_page *_Nonnull page, uint64_t position) {
    __atomic_store_n(&page->data_tail, position, __ATOMIC_RELEASE);
}

#endif
