import Glibc

/// Connections that come and go, and leave a TIME_WAIT each at the end that closed first.
///
/// `make` does both ends, one connection after the other. Across two namespaces each agent does its
/// half, in this order of commands: `listen` at the server; `serve` at the server, whose answer
/// does not come yet; `dial` at the client, and its answer; the answer to `serve`. Listener and
/// counts have to agree, and all source ports come from `SourcePorts`.
extension Agent {
    /// `make`: answers how many.
    mutating func make(_ words: inout Words) throws(Failure) -> String {
        let count = try words.count()
        let closer = try words.closer()
        let (route, _) = try words.route()
        try repeating(count) { index throws(Failure) in
            let (client, server) = try pair(route, index, closer: closer)
            switch closer {
            case .server: try Socket.close(first: server, second: client)
            case .client: try Socket.close(first: client, second: server)
            }
        }
        return "\(count)"
    }

    /// `serve`: answers how many.
    mutating func serve(_ words: inout Words) throws(Failure) -> String {
        let count = try words.count()
        let closer = try words.closer()
        let port = try words.port()
        try repeating(count) { _ throws(Failure) in
            let server = try nextConnection(at: port).socket
            switch closer {
            case .server: try server.closeFirst()
            case .client: try server.closeSecond()
            }
        }
        return "\(count)"
    }

    /// `dial`: answers how many.
    mutating func dial(_ words: inout Words) throws(Failure) -> String {
        let count = try words.count()
        let closer = try words.closer()
        let (route, _) = try words.route()
        try repeating(count) { index throws(Failure) in
            let client = try open(route, index, closer: closer)
            switch closer {
            case .server: try client.closeSecond()
            case .client: try client.closeFirst()
            }
        }
        return "\(count)"
    }

    /// Connects along a route; `index` counts the connections of one command, `closer` is nil for
    /// one that stays open.
    mutating func open(_ route: Route, _ index: Int, closer: Closer?) throws(Failure) -> Socket {
        let socket = try Socket(family: route.address.family)
        if route.reuseAddress { try socket.set(SOL_SOCKET, SO_REUSEADDR, Int32(1)) }
        guard let first = route.sourcePort else {
            if let source = route.source {
                // Otherwise bind() would choose the port, and hold it against every destination.
                try socket.set(SOL_IP, IP_BIND_ADDRESS_NO_PORT, Int32(1))
                try socket.bind(to: source, 0)
            }
            try sourcePorts.connect(socket, route, closer: closer)
            return socket
        }
        guard let port = UInt16(exactly: Int(first) + index) else { throw Failure("there are no ports above 65535") }
        let anywhere = route.address.family == AF_INET6 ? "::" : "0.0.0.0"
        guard let source = route.source ?? Address(anywhere) else { throw Failure("\(anywhere) is no address") }
        try socket.bind(to: source, port)
        guard try socket.connect(to: route.address, route.port) else {
            throw Failure("the source port \(port) cannot be used for \(route.text)")
        }
        sourcePorts.remember(port, route, closer: closer)
        return socket
    }

    /// Connects along a route to a listener of this agent, and accepts.
    mutating func pair(
        _ route: Route,
        _ index: Int,
        closer: Closer?
    ) throws(Failure) -> (client: Socket, server: Socket) {
        let client = try open(route, index, closer: closer)
        let (server, peerPort) = try nextConnection(at: route.port)
        guard try client.localPort() == peerPort else {
            throw Failure("a connection of somebody else, from port \(peerPort), waited at port \(route.port)")
        }
        return (client, server)
    }
}
