import Glibc

/// systemd, or who else speaks its protocols: it may pass sockets (sd_listen_fds(3)), and wants to hear how the service
/// fares (sd_notify(3)). Both are a few environment variables and a datagram; libsystemd would be a dependency for that.
struct ServiceManager {
    /// What is said to it.
    enum State: String {
        case ready = "READY=1"
        case stopping = "STOPPING=1"
        case alive = "WATCHDOG=1"
    }

    /// The seconds within which it wants to hear that the service is alive; nil where it does not.
    let watchdogInterval: Double?
    private let socket: String?
    private let descriptors: Range<CInt>

    /// Reads what the environment of this process says.
    init() {
        let own = String(getpid())
        socket = Self.variable("NOTIFY_SOCKET").flatMap { $0.isEmpty ? nil : $0 }
        let isWatched = Self.variable("WATCHDOG_PID").map { $0 == own } ?? true
        let microseconds = Self.variable("WATCHDOG_USEC").flatMap(Double.init) ?? 0
        watchdogInterval = isWatched && microseconds > 0 ? microseconds / 1e6 : nil
        let isForUs = Self.variable("LISTEN_PID") == own
        let count = isForUs ? Self.variable("LISTEN_FDS").flatMap { UInt16($0) } ?? 0 : 0
        descriptors = 3..<3 + CInt(count)
    }

    /// The descriptors of the sockets that were passed to this process.
    ///
    /// - Throws: that there are none.
    func passedSockets() throws -> [CInt] {
        guard !descriptors.isEmpty else {
            throw StartError(
                description:
                    "--web.systemd-socket: no socket was passed to this process (LISTEN_PID, LISTEN_FDS); start it through a .socket unit, or leave out the flag"
            )
        }
        return Array(descriptors)
    }

    /// Says how the service fares; nothing happens where nobody wants to hear, or can.
    func notify(_ state: State) {
        guard let socket else { return }
        var address = sockaddr_un()
        var path = Array(socket.utf8)
        // An abstract name is written with @, and begins with NUL.
        if path.first == UInt8(ascii: "@") { path[0] = 0 }
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path) }
        let descriptor = Glibc.socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
        let text = Array(state.rawValue.utf8)
        // The address is a sockaddr_un, which is made to be seen as a sockaddr. A manager that does not read must not
        // hold up the sampler.
        _ = unsafe withUnsafePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe sendto(descriptor, text, text.count, CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT), address, length)
            }
        }
    }

    private static func variable(_ name: String) -> String? {
        // The environment of this process is changed by nobody.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }
}
