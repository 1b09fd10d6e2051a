"""Sockets in unusual states, made by what a process may do with its own sockets."""

import ctypes
import ipaddress
import socket
import struct

IP_TRANSPARENT, IPV6_TRANSPARENT, IP_BIND_ADDRESS_NO_PORT = 19, 75, 24
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
RESET = struct.pack("ii", 1, 0)

# A socket filter that takes no packet: BPF_RET | BPF_K, 0.
DEAF = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0), 8)
DEAF_PROGRAM = struct.pack("@HP", 1, ctypes.addressof(DEAF))


def deafen(*sockets):
    """From now on what arrives for these sockets is lost."""
    for one in sockets:
        one.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, DEAF_PROGRAM)


def hear(*sockets):
    for one in sockets:
        one.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)


def state(one):
    return one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


def family_of(address):
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def new(family, kind=socket.SOCK_STREAM, reuse_address=False, transparent=False, device=None):
    one = socket.socket(family, kind)
    if reuse_address:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if transparent and family == socket.AF_INET:
        one.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
    elif transparent:
        one.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
    if device:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    return one


def name(family, address, port, scope=0):
    """An address as bind() and connect() want it; IPv4 in an IPv6 socket is v4-mapped."""
    if family == socket.AF_INET:
        return str(address), port
    text = f"::ffff:{address}" if address.version == 4 else str(address)
    return text, port, 0, scope


def end(one_name):
    """What getsockname() and getpeername() give, as the tables show it."""
    address = ipaddress.ip_address(one_name[0].partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address, one_name[1]
