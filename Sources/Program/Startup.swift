import System

/// Why the program cannot start here.
package struct StartError: Error, CustomStringConvertible {
    /// The flag, its value, what is wrong with it, and what would be right.
    package let description: String

    package init(description: String) { self.description = description }
}

/// How many files this process may have open.
package enum FileLimit {
    /// Beside connections: 64 that are about to be closed, 32 that wait for a TLS handshake,
    /// standard streams, listening sockets, epoll, the reader's files.
    private static let others = 128

    /// Makes room for so many connections, as far as the hard limit allows.
    ///
    /// - Parameters:
    ///   - flag: the flag that asks for so many.
    ///   - extra: files that another flag asks for.
    /// - Throws: that it does not allow as many.
    package static func makeRoom(
        forConnections connections: Int,
        flag: String,
        and extra: (files: Int, flag: String)? = nil
    ) throws {
        // Where the limit cannot be known, it shows when a connection finds no file left.
        guard let limit = CurrentProcess.fileLimit else { return }
        let needed = UInt64(connections + others + (extra?.files ?? 0))
        guard limit.soft < needed else { return }
        let asking = "\(flag) '\(connections)'" + (extra.map { " with \($0.flag)" } ?? "")
        let flag = "\(asking): takes \(needed) open files, and this process may have"
        guard limit.hard >= needed else {
            let advice = "raise its hard limit (LimitNOFILE=, ulimit -Hn) or choose fewer connections"
            throw StartError(description: "\(flag) \(limit.hard); \(advice)")
        }
        do throws(SystemError) {
            try CurrentProcess.raiseFileLimit(to: needed, hard: limit.hard)
        } catch {
            // A filter of system calls may forbid it, as systemd's group @resources does.
            let advice = "raise its limit (LimitNOFILE=, ulimit -n) or choose fewer connections"
            throw StartError(description: "\(flag) \(limit.soft) and not raise that; \(advice)")
        }
    }
}

/// The CPU time that readings take, which `--sampler.cpu-limit` bounds.
package enum CPUTime {
    /// - Throws: that it cannot be measured.
    package static func check() throws {
        do throws(SystemError) {
            try SystemClock.checkCPU()
        } catch {
            let advice = "a filter of system calls must allow \(error.call)()"
            throw StartError(description: "cannot measure CPU time: \(error.reason); \(advice)")
        }
    }
}

/// A thread that lasts as long as the process.
package enum Thread {
    /// - Throws: that no thread can be started now.
    package static func check() throws {
        do throws(SystemError) {
            try ServiceThread {}.join()
        } catch {
            throw StartError(description: ServiceThread.problem(error))
        }
    }

    /// Runs a function on a thread of its own.
    ///
    /// - Throws: that no thread can be started.
    static func start(_ body: @escaping @Sendable () -> Void) throws {
        do throws(SystemError) {
            try ServiceThread(body).detach()
        } catch {
            throw StartError(description: ServiceThread.problem(error))
        }
    }
}
