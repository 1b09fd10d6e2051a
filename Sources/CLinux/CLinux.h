// The kernel's own headers that Swift's Glibc module does not bring: netlink, sock_diag and routes.
#ifndef CLINUX_H
#define CLINUX_H

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>

#endif
