// The headers of the kernel and of the C library that Swift's Glibc module does not bring: netlink, sock_diag, routes,
// eventfd.
#ifndef CLINUX_H
#define CLINUX_H

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <sys/eventfd.h>

#endif
