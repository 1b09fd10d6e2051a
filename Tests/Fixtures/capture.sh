#!/bin/bash
# Recreates every capture in this folder from the running kernel. Run as root.
#
#   ./capture.sh [OUTPUT_FOLDER]      (default: the folder of this script)
#
# Works only in network namespaces of its own (twfix-<pid>-*), over loopback or a
# veth pair between two of them, and deletes them at the end. Sysctls are set inside
# those namespaces only. Connections are made and the tables read by capture.py, which
# also checks every count and fails the attempt if one is wrong.
# Needs: iproute2 (ip, ss), procps (sysctl), python3 >= 3.8; kernel >= 6.14 for
# tcp_tw_reuse_delay.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
OUT=${1:-$HERE}
NS=twfix-$$           # the namespace under test
PEER=twfix-$$-peer    # the other end of the veth pair, where there is one
NET=thread-self/net
export HOST_NETNS=$(readlink /proc/self/ns/net)    # capture.py refuses to run there
mkdir -p "$OUT"

in_ns()   { ip netns exec "$NS" "$@"; }
in_peer() { ip netns exec "$PEER" "$@"; }
set_in_ns() { in_ns sysctl -qw "$@"; }

drop() {               # both, where they exist: before the first scene neither does, and few scenes have a peer
    ip netns del "$NS" 2>/dev/null || true
    ip netns del "$PEER" 2>/dev/null || true
}
trap drop EXIT

fresh() {              # a new namespace with only lo, up
    drop
    ip netns add "$NS"
    in_ns ip link set lo up
}

fresh_pair() {         # two namespaces: veth0 in $NS, veth1 in $PEER; fixed MACs
    fresh
    ip netns add "$PEER"
    in_peer ip link set lo up
    in_ns ip link add veth0 address 02:00:00:00:00:01 type veth \
        peer name veth1 address 02:00:00:00:00:02 netns "$PEER"
    in_ns ip link set veth0 up
    in_peer ip link set veth1 up
}

capture() {            # capture SCENE [PEER]: make the sockets, check, write OUT/SCENE
    rm -rf "${OUT:?}/$1"
    in_ns python3 "$HERE/capture.py" "$1" "$OUT/$1" "${2:-}"
}

mixed() {
    fresh
    in_ns ip addr add 10.9.9.1/32 dev lo
    set_in_ns net.ipv4.tcp_tw_reuse=0
    set_in_ns net.ipv4.ip_local_port_range="32768 60999"
    set_in_ns net.ipv4.ip_local_reserved_ports=35000-35009,50000,8080
    capture mixed
}

new_syn_recv() {
    fresh_pair
    in_ns ip addr add 192.0.2.1/24 dev veth0
    in_peer ip addr add 192.0.2.2/24 dev veth1
    capture new_syn_recv "$PEER"
}

sl_over_9999()   { fresh; set_in_ns net.ipv4.tcp_tw_reuse=0; capture sl_over_9999; }
empty()          { fresh; capture empty; }
reserved_64k()   { fresh; capture reserved_64k; }
one_port_range() { fresh; set_in_ns net.ipv4.ip_local_port_range="40000 40000"; capture one_port_range; }

anycast_prefix() {
    fresh_pair
    in_ns ip addr add 10.9.9.1/32 dev lo
    in_ns ip addr add 192.0.2.10/32 dev lo
    in_ns ip addr add 172.16.5.2/24 dev veth0
    in_ns ip addr add 172.16.5.3/24 dev veth0
    in_ns ip addr add 2001:db8:1::1/128 dev lo
    in_ns ip addr add 2001:db8:2::2/64 dev veth0
    in_ns ip route add local 198.51.100.0/24 dev lo
    capture anycast_prefix
}

# Scenes derived from captures above (no sockets of their own).
cut_last_row() {       # $1 bytes of the last line are kept, no newline at the end
    local file keep size last
    rm -rf "$OUT/cut_last_row"; cp -r "$OUT/mixed" "$OUT/cut_last_row"
    rm "$OUT/cut_last_row/ss.txt"
    for file in tcp:70 tcp6:60; do
        keep=${file#*:} file=${file%:*}
        size=$(stat -c %s "$OUT/mixed/$NET/$file")
        last=$(tail -n 1 "$OUT/mixed/$NET/$file" | wc -c)
        head -c $((size - last + keep)) "$OUT/mixed/$NET/$file" >"$OUT/cut_last_row/$NET/$file"
    done
}

no_ipv6() {
    rm -rf "$OUT/no_ipv6"; cp -r "$OUT/new_syn_recv" "$OUT/no_ipv6"
    rm "$OUT/no_ipv6/ss.txt" "$OUT/no_ipv6/$NET/"{tcp6,sockstat6,if_inet6,udp6}
}

# A scene is tried again when a count is not exact (exit 75): an ephemeral port met an
# old TIME_WAIT, a timer ran, or (mixed) the last row of a table, whose order is a hash
# order, is not the kind of row that cut_last_row wants to cut.
try() {
    local n rc
    for n in $(seq 60); do
        set +e; ( set -e; "$1" ); rc=$?; set -e
        [ $rc -eq 0 ] && { echo "$1: done (attempt $n)"; return; }
        [ $rc -eq 75 ] || { echo "$1: failed ($rc)" >&2; exit 1; }
    done
    echo "$1: no exact capture in 60 attempts" >&2; exit 1
}

for scene in mixed new_syn_recv sl_over_9999 empty cut_last_row reserved_64k \
             one_port_range no_ipv6 anycast_prefix; do
    try "$scene"
done
