import System

/// Why the exporter cannot start here.
struct StartError: Error, CustomStringConvertible {
    /// The flag, its value, what is wrong with it, and what would be right.
    let description: String
}

/// How many files this process may have open.
enum FileLimit {
    /// Beside connections: 64 that are about to be closed, 32 that wait for a TLS handshake,
    /// standard streams, listening sockets, epoll, the reader's files.
    private static let others = 128

    /// Makes room for so many connections, as far as the hard limit allows.
    ///
    /// - Throws: that it does not allow as many.
    static func makeRoom(forConnections connections: Int) throws {
        let limit = CurrentProcess.fileLimit
        let needed = UInt64(connections + others)
        guard limit.soft < needed else { return }
        let flag = "--web.max-connections '\(connections)': takes \(needed) open files, and this process may have"
        guard limit.hard >= needed else {
            let advice = "raise its hard limit (LimitNOFILE=, ulimit -Hn) or choose fewer connections"
            throw StartError(description: "\(flag) \(limit.hard); \(advice)")
        }
        do throws(SystemError) {
            try CurrentProcess.raiseFileLimit(to: needed)
        } catch {
            // A filter of system calls may forbid it, as systemd's group @resources does.
            let advice = "raise its limit (LimitNOFILE=, ulimit -n) or choose fewer connections"
            throw StartError(description: "\(flag) \(limit.soft) and not raise that; \(advice)")
        }
    }
}

/// A thread that lasts as long as the process.
enum Thread {
    /// Runs a function on a thread of its own.
    ///
    /// - Throws: that the machine has no thread left.
    static func start(_ body: @escaping @Sendable () -> Void) throws {
        guard let thread = ServiceThread(body) else {
            throw StartError(description: "cannot start a thread; raise TasksMax= or ulimit -u")
        }
        thread.detach()
    }
}
