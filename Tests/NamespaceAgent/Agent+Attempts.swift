import Glibc

/// What the kernel says to a program that asks for a port.
extension Agent {
    /// `attempt`: a connect() whose port the kernel chooses by itself; answers its errno. With 0
    /// the connection stays open.
    mutating func attempt(_ words: inout Words) throws(Failure) -> String {
        let (address, port) = (try words.address(), try words.port())
        let client = try Socket(family: address.family)
        guard try client.connect(to: address, port) else { return "\(EADDRNOTAVAIL)" }
        pairs.append((client, try nextConnection(at: port).socket))
        return "0"
    }

    /// `try-bind`: bind() and listen(), and close at once; answers the errno.
    func tryBind(_ words: inout Words) throws(Failure) -> String {
        let (address, port) = (try words.address(), try words.port())
        let socket = try Socket(family: address.family)
        var isV6Only = false
        while let option = words.optional() {
            switch option {
            case "v6only": isV6Only = true
            case "reuseaddr": try socket.set(SOL_SOCKET, SO_REUSEADDR, Int32(1))
            default: throw Failure("the word \(option) is not understood here")
            }
        }
        if address.family == AF_INET6 { try socket.set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, Int32(isV6Only ? 1 : 0)) }
        let bound = unsafe address.withSocketAddress(port: port) { unsafe Glibc.bind(socket.descriptor, $0, $1) }
        guard bound == 0, Glibc.listen(socket.descriptor, 1) == 0 else { return "\(errno)" }
        return "0"
    }

    /// `connect-itself`: a client that binds a port and dials it, without a listener.
    mutating func connectItself(_ words: inout Words) throws(Failure) -> String {
        let (address, port) = (try words.address(), try words.port())
        let socket = try Socket(family: address.family)
        try socket.bind(to: address, port)
        guard try socket.connect(to: address, port) else { throw Failure("port \(port) cannot be used") }
        single.append(socket)
        return ""
    }

    /// `datagram`: keeps a bound UDP socket.
    mutating func datagram(_ words: inout Words) throws(Failure) -> String {
        let (address, port) = (try words.address(), try words.port())
        let socket = try Socket(family: address.family, type: SOCK_DGRAM)
        try socket.bind(to: address, port)
        single.append(socket)
        return ""
    }
}
