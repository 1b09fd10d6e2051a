import System

/// systemd, or another service manager with its protocols: it may pass sockets (sd_listen_fds(3)),
/// and expects the state of the service (sd_notify(3)). Both are a few environment variables and a
/// datagram; libsystemd would be a dependency for that.
package struct ServiceManager {
    /// The messages of sd_notify(3).
    package enum State: String {
        case ready = "READY=1"
        case stopping = "STOPPING=1"
        case alive = "WATCHDOG=1"
    }

    /// The watchdog's interval in seconds; nil without a watchdog.
    let watchdogInterval: Double?
    private let socket: String?
    private let descriptors: Range<CInt>

    /// Reads the environment of this process.
    package init() {
        let own = String(CurrentProcess.number)
        socket = CurrentProcess.environment("NOTIFY_SOCKET").flatMap { $0.isEmpty ? nil : $0 }
        let isWatched = CurrentProcess.environment("WATCHDOG_PID").map { $0 == own } ?? true
        let microseconds = CurrentProcess.environment("WATCHDOG_USEC").flatMap(Double.init) ?? 0
        watchdogInterval = isWatched && microseconds > 0 ? microseconds / 1e6 : nil
        let isForUs = CurrentProcess.environment("LISTEN_PID") == own
        let count = isForUs ? CurrentProcess.environment("LISTEN_FDS").flatMap { UInt16($0) } ?? 0 : 0
        descriptors = 3..<3 + CInt(count)
    }

    /// The descriptors of the sockets that were passed to this process.
    ///
    /// - Throws: that there are none.
    package func passedSockets() throws -> [CInt] {
        guard !descriptors.isEmpty else {
            throw StartError(
                description:
                    "--web.systemd-socket: no socket was passed to this process (LISTEN_PID, LISTEN_FDS); start it through a .socket unit, or leave out the flag"
            )
        }
        return Array(descriptors)
    }

    /// Reports the state of the service, where the manager listens.
    package func notify(_ state: State) {
        guard let socket else { return }
        Sockets.send(Array(state.rawValue.utf8), toUnixSocket: socket)
    }
}
