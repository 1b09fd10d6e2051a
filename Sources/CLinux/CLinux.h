// The kernel's own headers that Swift's Glibc module does not bring: netlink and sock_diag.
#ifndef CLINUX_H
#define CLINUX_H

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#endif
