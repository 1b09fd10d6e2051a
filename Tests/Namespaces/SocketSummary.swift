/// A row of the namespace's sockets as `ss` sees it: the witness that owes nothing to the code
/// under test.
package struct SocketSummary: Hashable, Sendable {
    /// A state of TCP, under the name that ss gives it.
    package enum State: String, Sendable {
        case established = "ESTAB"
        case synSent = "SYN-SENT"
        case synReceived = "SYN-RECV"
        case finWait1 = "FIN-WAIT-1"
        case finWait2 = "FIN-WAIT-2"
        case timeWait = "TIME-WAIT"
        case closed = "UNCONN"
        case closeWait = "CLOSE-WAIT"
        case lastACK = "LAST-ACK"
        case listen = "LISTEN"
        case closing = "CLOSING"
    }

    /// The state.
    package let state: State
    /// The bytes that wait to be read; of a listener, the connections that wait for accept().
    package let receiveQueue: Int
    /// The local address without brackets, v4-mapped as IPv4. `*` is a listener on `::` that takes
    /// IPv4 too, `::` one that does not.
    package let localAddress: String
    /// The local port.
    package let localPort: Int
    /// The peer's address in the same form.
    package let peerAddress: String
    /// The peer's port; nil for a listener.
    package let peerPort: Int?

    /// A row of `ss -Hn`: state, two queues, two ends.
    init?(_ row: Substring) {
        let fields = row.split(separator: " ")
        guard fields.count >= 5,
            let state = State(rawValue: String(fields[0])),
            let queue = Int(fields[1]),
            let local = Self.end(fields[3]),
            let localPort = local.port,
            let peer = Self.end(fields[4])
        else { return nil }
        self.state = state
        receiveQueue = queue
        localAddress = local.address
        self.localPort = localPort
        peerAddress = peer.address
        peerPort = peer.port
    }

    /// Takes `127.0.0.1:80`, `[::1]:80`, `[::ffff:127.0.0.1]:80` or `*:*` apart.
    private static func end(_ text: Substring) -> (address: String, port: Int?)? {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let port = text[text.index(after: colon)...]
        var address = text[..<colon]
        if address.first == "[", address.last == "]" { address = address.dropFirst().dropLast() }
        if address.hasPrefix("::ffff:"), address.contains(".") { address = address.dropFirst("::ffff:".count) }
        guard port == "*" || Int(port) != nil else { return nil }
        return (String(address), Int(port))
    }
}

/// What ss says of the namespace.
extension NetworkNamespace {
    /// All TCP sockets, listeners and TIME_WAITs among them.
    @discardableResult
    package func sockets() throws(NamespaceError) -> [SocketSummary] {
        try summary("-Htan")
    }

    /// The sockets in a state.
    package func sockets(_ state: SocketSummary.State) throws(NamespaceError) -> [SocketSummary] {
        try sockets().filter { $0.state == state }
    }

    /// The listeners. This costs far less than all sockets on a machine with a big table.
    package func listeners() throws(NamespaceError) -> [SocketSummary] {
        try summary("-Htln")
    }

    /// Runs ss and takes its rows apart; a row that is not understood is an error.
    private func summary(_ options: String) throws(NamespaceError) -> [SocketSummary] {
        var rows: [SocketSummary] = []
        for line in try output(of: "ss", [options]).split(separator: "\n") {
            guard let row = SocketSummary(line) else { throw .failed(program: "ss", reason: "a row is \(line)") }
            rows.append(row)
        }
        return rows
    }
}
