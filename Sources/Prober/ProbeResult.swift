/// What one probe found.
package struct ProbeResult: Equatable, Sendable {
    /// Why a probe failed: the values of the label `reason`.
    package enum Reason: String, CaseIterable, Sendable {
        /// No LISTEN socket has the address and the port.
        case notListening = "not_listening"
        case kernelTable = "kernel_table"
        case resolve
        case refused
        case unreachable
        case connectTimeout = "connect_timeout"
        case firstByteTimeout = "first_byte_timeout"
        case timeout
        /// The peer reset the connection.
        case reset
        /// The peer closed the connection before the answer was whole.
        case closed
        /// The certificate could not be verified, or the handshake failed.
        case tls
        /// The answer is not HTTP.
        case protocolError = "protocol"
        case status
        case bodyTooLong = "body_too_long"
        /// No source port was free.
        case sourcePort = "source_port"
        case connectionLimit = "connection_limit"
        case noLibcurl = "no_libcurl"
        case other
    }

    /// Why it failed; nil for a success.
    package var reason: Reason?
    /// The reason in words; empty for a success.
    package var detail = ""
    package var duration = Duration.zero
    /// How many connections were opened.
    package var connections = 0
    /// Whether the connection of an earlier probe was used.
    package var isReuse = false
    /// The status code of an answer of HTTP.
    package var status: Int?

    package var isSuccess: Bool { reason == nil }

    package init() {}

    static func failed(_ reason: Reason, _ detail: String) -> ProbeResult {
        var result = ProbeResult()
        result.reason = reason
        result.detail = detail
        return result
    }
}

/// What is known of a target.
package struct TargetStatistics: Sendable {
    package let target: Target
    /// The last probe; nil before the first has ended.
    package internal(set) var last: ProbeResult?
    package internal(set) var connections: UInt64 = 0
    package internal(set) var reuses: UInt64 = 0
    package internal(set) var successes: UInt64 = 0
    package internal(set) var failures: [ProbeResult.Reason: UInt64] = [:]
    /// Intervals in which no probe began, because the one before was still running or the prober
    /// was late.
    package internal(set) var missedIntervals: UInt64 = 0

    init(_ target: Target) { self.target = target }

    mutating func note(_ result: ProbeResult) {
        connections += UInt64(result.connections)
        if result.isReuse { reuses += 1 }
        if let reason = result.reason { failures[reason, default: 0] += 1 } else { successes += 1 }
        last = result
    }
}
