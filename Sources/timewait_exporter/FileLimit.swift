import Glibc

/// How many files this process may have open.
enum FileLimit {
    /// Beside connections: 64 that are about to be closed, 32 that wait for a TLS handshake, standard streams, listening
    /// sockets, epoll, the reader's files.
    private static let others = 128

    /// Makes room for so many connections, as far as the hard limit allows.
    ///
    /// - Throws: that it does not allow as many.
    static func makeRoom(forConnections connections: Int) throws {
        var limit = rlimit()
        // With these arguments it cannot fail.
        unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let needed = rlim_t(connections + others)
        guard limit.rlim_cur < needed else { return }
        guard limit.rlim_max >= needed else {
            throw StartError(
                description:
                    "--web.max-connections '\(connections)': takes \(needed) open files, and this process may have \(limit.rlim_max); raise its hard limit (LimitNOFILE=, ulimit -Hn) or choose fewer connections"
            )
        }
        let before = limit.rlim_cur
        limit.rlim_cur = needed
        // A filter of system calls may forbid it, as systemd's group @resources does.
        guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            throw StartError(
                description:
                    "--web.max-connections '\(connections)': takes \(needed) open files, and this process may have \(before) and not raise that; raise its limit (LimitNOFILE=, ulimit -n) or choose fewer connections"
            )
        }
    }
}
