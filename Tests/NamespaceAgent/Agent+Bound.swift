import Glibc

/// A socket that listens or is bound only, under the name that the command gave it.
struct BoundSocket {
    /// The address.
    let address: Address
    /// The port, the kernel's choice if the command left it to it.
    let port: UInt16
    /// The socket.
    let socket: Socket
    /// Whether it listens.
    let isListening: Bool
}

/// Listeners, and sockets that are bound and no more.
extension Agent {
    /// `listen` and `bind`: answers the port.
    mutating func bind(_ words: inout Words, listening: Bool) throws(Failure) -> String {
        let address = try words.address()
        let port = try words.port(0...65535)
        let socket = try Socket(family: address.family)
        var backlog = 4096
        var v6only = false
        var reuseAddress = true
        while let option = words.optional() {
            switch option {
            case "v6only": v6only = true
            case "reuseport": try socket.set(SOL_SOCKET, SO_REUSEPORT, Int32(1))
            case "noreuseaddr": reuseAddress = false
            case "backlog" where listening: backlog = try words.number("backlog", 0...65535)
            default: throw Failure("the word \(option) is not understood here")
            }
        }
        try socket.set(SOL_SOCKET, SO_REUSEADDR, Int32(reuseAddress ? 1 : 0))
        // Said in either case: what holds otherwise is the sysctl bindv6only.
        if address.family == AF_INET6 { try socket.set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, Int32(v6only ? 1 : 0)) }
        try socket.bind(to: address, port)
        if listening { try socket.listen(backlog: backlog) }
        let found = try socket.localPort()
        bound.append(BoundSocket(address: address, port: found, socket: socket, isListening: listening))
        return "\(found)"
    }

    /// `unlisten`: answers how many sockets were closed.
    mutating func unlisten(_ words: inout Words) throws(Failure) -> String {
        let address = try words.address()
        let port = try words.port()
        let before = bound.count
        bound.removeAll { $0.address == address && $0.port == port }
        guard bound.count < before else { throw Failure("nothing of mine is bound to \(address.text) port \(port)") }
        return "\(before - bound.count)"
    }

    /// Takes the next connection from whichever of this agent's listeners on a port has one.
    func nextConnection(at port: UInt16) throws(Failure) -> (socket: Socket, peerPort: UInt16) {
        let listeners = bound.filter { $0.isListening && $0.port == port }
        guard !listeners.isEmpty else { throw Failure("I do not listen on port \(port)") }
        // With SO_REUSEPORT, or one port on several addresses, the kernel chooses the listener.
        var waiting = listeners.map { pollfd(fd: $0.socket.descriptor, events: Int16(POLLIN), revents: 0) }
        let count = unsafe poll(&waiting, nfds_t(waiting.count), Int32(Socket.patience * 1000))
        guard count >= 0 else { throw Failure(call: "poll") }
        guard let ready = waiting.firstIndex(where: { $0.revents != 0 }) else {
            throw Failure("no connection arrived at port \(port) for \(Socket.patience) s")
        }
        return try listeners[ready].socket.accept()
    }
}
