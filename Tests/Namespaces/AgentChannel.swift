import Glibc

/// The test's end of the agent's standard input and output: one socket, whose closing ends the
/// agent.
final class AgentChannel {
    /// Longer than any command takes, on a busy machine too: the agent bounds each of its steps.
    private static let patience = 600

    /// The test's end.
    private let descriptor: Int32
    /// The agent's end, until it is handed over.
    let agentEnd: Int32
    /// Whether the agent's end is closed here.
    private var isHandedOver = false
    /// What has been received and belongs to the coming answers.
    private var received: [UInt8] = []

    /// A pair of connected ends. No other child can inherit them: they are close-on-exec from the
    /// beginning.
    init() throws(NamespaceError) {
        var ends: [Int32] = [-1, -1]
        guard unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw .notStarted(program: "namespace_agent", reason: Spawn.message(of: errno))
        }
        descriptor = ends[0]
        agentEnd = ends[1]
        var limit = timeval(tv_sec: Self.patience, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        if !isHandedOver { close(agentEnd) }
        close(descriptor)
    }

    /// Closes the agent's end here, now that the agent has it: only so is its death seen.
    func handedOver() {
        isHandedOver = true
        close(agentEnd)
    }

    /// Closes the agent's input. It ends when it has done what it was told.
    func endInput() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Sends a command.
    func send(_ command: String) throws(NamespaceError) {
        let bytes = Array((command + "\n").utf8)
        var start = 0
        while start < bytes.count {
            let flags = Int32(MSG_NOSIGNAL)
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress?.advanced(by: start), $0.count - start, flags)
            }
            guard count > 0 else { throw .silent(command: command, reason: Spawn.message(of: errno)) }
            start += count
        }
    }

    /// Reads the line that answers a command; what it says behind `ok`.
    func answer(to command: String) throws(NamespaceError) -> String {
        while true {
            if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: received[..<end], as: UTF8.self)
                received.removeSubrange(...end)
                if line == "ok" { return "" }
                if line.hasPrefix("ok ") { return String(line.dropFirst(3)) }
                throw .refused(command: command, reason: String(line.trimmingPrefix("error ")))
            }
            try receive(command)
        }
    }

    /// Reads the bytes that follow the answer to a command.
    func bytes(_ count: Int, of command: String) throws(NamespaceError) -> [UInt8] {
        while received.count < count { try receive(command) }
        defer { received.removeSubrange(..<count) }
        return Array(received[..<count])
    }

    /// Waits for more of an answer.
    private func receive(_ command: String) throws(NamespaceError) {
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        let count = unsafe chunk.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
        guard count >= 0 else { throw .silent(command: command, reason: Spawn.message(of: errno)) }
        guard count > 0 else { throw .silent(command: command, reason: "it has ended") }
        received += chunk[..<count]
    }
}
