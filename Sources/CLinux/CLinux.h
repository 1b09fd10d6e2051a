// The headers of the kernel and of the C library that Swift's Glibc module does not bring: netlink,
// sock_diag, routes, eventfd; and system calls that the C library may not have, or has for GNU
// sources only.
#ifndef CLINUX_H
#define CLINUX_H

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/// getdents64(2). glibc declares it for GNU sources only, which Swift's modules are not, and
/// syscall() is variadic.
static inline ssize_t clinux_getdents64(int folder, void *_Nullable entries, size_t size) {
    return syscall(SYS_getdents64, folder, entries, size);
}

/// pidfd_open(2), Linux 5.3. glibc has it since 2.36 only, and syscall() is variadic.
static inline int clinux_pidfd_open(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0U); }

/// pidfd_getfd(2), Linux 5.6. As above.
static inline int clinux_pidfd_getfd(int process, int descriptor) {
    return (int)syscall(SYS_pidfd_getfd, process, descriptor, 0U);
}

#endif
