import Glibc

/// Hands out source ports of ip_local_port_range, so that no connection takes a TIME_WAIT away that
/// was made before it.
///
/// connect() left to itself would: where the server closed first, nothing is left at the client,
/// whose port may be chosen again, and the SYN from it re-opens the server's TIME_WAIT. So the
/// agent remembers those ports, and tells the kernel which port to take by IP_LOCAL_PORT_RANGE with
/// a range of one. That is still an automatic choice: reserved ports and listeners' ports are
/// refused, a client's TIME_WAIT too unless tcp_tw_reuse allows it, and one port serves many
/// destinations.
struct SourcePorts {
    /// Longer than any TIME_WAIT lives.
    private static let memory = 65.0
    /// linux/in.h; glibc 2.36 does not have it. Linux 6.3.
    private static let localPortRangeOption: Int32 = 51

    /// Where a connection goes, IPv4 and v4-mapped being one. Its source is left out, for it may be
    /// said or not.
    private struct Destination: Hashable {
        let address: ArraySlice<UInt8>
        let port: UInt16

        init(_ route: Route) {
            let bytes = route.address.bytes
            let isMapped = bytes.count == 16 && bytes[..<12] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
            address = isMapped ? bytes[12...] : bytes[...]
            port = route.port
        }
    }

    /// How many steps through the range the connections to a destination have gone.
    private var steps: [Destination: Int] = [:]
    /// When a port was used for a connection that its server closes first, or may close first.
    private var taken: [Destination: [UInt16: Double]] = [:]

    /// Connects a socket along a route from the next port that is free.
    mutating func connect(_ socket: Socket, _ route: Route, closer: Closer?) throws(Failure) {
        let range = try Self.range()
        let destination = Destination(route)
        let first = steps[destination, default: 0]
        for step in first..<first + range.count {
            let port = Self.port(step, of: range)
            if let time = taken[destination]?[port], Clock.now - time < Self.memory { continue }
            try socket.set(SOL_IP, Self.localPortRangeOption, UInt32(port) << 16 | UInt32(port))
            guard try socket.connect(to: route.address, route.port) else { continue }
            steps[destination] = step + 1
            remember(port, route, closer: closer)
            return
        }
        throw Failure("no port of ip_local_port_range is free for \(route.text)")
    }

    /// Keeps a port from being used again where the server may be left in TIME_WAIT; `closer` is
    /// nil for a connection that stays open.
    mutating func remember(_ port: UInt16, _ route: Route, closer: Closer?) {
        if closer != .client { taken[Destination(route), default: [:]][port] = Clock.now }
    }

    /// The ports in the order in which they are used: as connect() does it, those with the parity
    /// of the low end first.
    private static func port(_ step: Int, of range: ClosedRange<UInt16>) -> UInt16 {
        let place = step % range.count
        let alike = (range.count + 1) / 2
        return range.lowerBound + UInt16(place < alike ? 2 * place : 2 * (place - alike) + 1)
    }

    /// The namespace's ip_local_port_range.
    private static func range() throws(Failure) -> ClosedRange<UInt16> {
        let path = "/proc/sys/net/ipv4/ip_local_port_range"
        let text = try readAll(path)
        let ends = text.split { $0 == "\t" || $0 == "\n" }.compactMap { UInt16($0) }
        guard ends.count == 2, ends[0] <= ends[1] else { throw Failure("\(path) holds \(text)") }
        return ends[0]...ends[1]
    }
}
