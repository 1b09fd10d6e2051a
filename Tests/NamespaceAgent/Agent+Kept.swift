import Glibc

/// Connections that stay open until they are told otherwise.
extension Agent {
    /// `connect`: answers how many.
    mutating func connect(_ words: inout Words) throws(Failure) -> String {
        let count = try words.count()
        let (route, noAccept) = try words.route(flag: "noaccept")
        try repeating(count) { index throws(Failure) in
            if noAccept {
                single.append(try open(route, index, closer: nil))
            } else {
                pairs.append(try pair(route, index, closer: nil))
            }
        }
        return "\(count)"
    }

    /// `accept`: answers how many.
    mutating func accept(_ words: inout Words) throws(Failure) -> String {
        let count = try words.count()
        let port = try words.port()
        try repeating(count) { _ throws(Failure) in
            single.append(try nextConnection(at: port).socket)
        }
        return "\(count)"
    }

    /// `close`: answers how many.
    mutating func close(_ words: inout Words) throws(Failure) -> String {
        let count = try words.count()
        let closer = try words.closer()
        try repeating(count) { _ throws(Failure) in
            let pair = try nextPair()
            switch closer {
            case .server: try Socket.close(first: pair.server, second: pair.client)
            case .client: try Socket.close(first: pair.client, second: pair.server)
            }
        }
        return "\(count)"
    }

    /// `half-close`: answers how many.
    mutating func halfClose(_ words: inout Words) throws(Failure) -> String {
        let count = try words.count()
        let closer = try words.closer()
        var closed: [Socket] = []
        try repeating(count) { _ throws(Failure) in
            let pair = try nextPair()
            let (first, second) = closer == .client ? pair : (pair.server, pair.client)
            try first.finish()
            closed.append(first)
            halfClosed.append(second)
        }
        // Only in this state does the coming close() make the mini-socket of an orphan at once. All
        // are told first and waited for then, because each ACK may be delayed by 40 ms.
        try repeating(count) { index throws(Failure) in
            try closed[index].expectState(TCP_FIN_WAIT2)
        }
        return "\(count)"
    }

    /// `finish`: answers how many.
    mutating func finish(_ words: inout Words) throws(Failure) -> String {
        let count = try words.count()
        try repeating(count) { _ throws(Failure) in
            guard !halfClosed.isEmpty else { throw Failure("no half-closed connection is left") }
            let second = halfClosed.removeFirst()
            try second.expectEnd()
            try second.finish()
            try second.expectState(TCP_CLOSE)
        }
        return "\(count)"
    }

    /// `reset`: answers how many sockets were closed.
    mutating func reset(_ words: inout Words) throws(Failure) -> String {
        let sockets = pairs.flatMap { [$0.client, $0.server] } + halfClosed + single
        for socket in sockets { try socket.closeByReset() }
        pairs = []
        halfClosed = []
        single = []
        return "\(sockets.count)"
    }

    /// The oldest kept pair, which is kept no longer.
    private mutating func nextPair() throws(Failure) -> (client: Socket, server: Socket) {
        guard !pairs.isEmpty else { throw Failure("no open pair is left") }
        return pairs.removeFirst()
    }
}
