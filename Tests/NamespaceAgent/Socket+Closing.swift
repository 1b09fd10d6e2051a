import Glibc

/// How a connection ends, step by step, so that its TIME_WAIT is there when the steps are done.
///
/// The first closer sends its FIN with shutdown(), the other reads EOF and sends its own, and the
/// first closer reads EOF in turn: the kernel hands that one out only when the socket has become a
/// TIME_WAIT. close() would look the same on the wire, but would leave nobody to tell when it
/// happened, and would count as an orphan, which the kernel resets when the machine has too many of
/// them.
extension Socket {
    /// Sends the FIN. The socket can still receive.
    func finish() throws(Failure) {
        guard shutdown(descriptor, Int32(SHUT_WR)) == 0 else { throw Failure(call: "shutdown") }
    }

    /// Waits for the FIN of the peer; data instead of it is a failure.
    func expectEnd() throws(Failure) {
        var byte: UInt8 = 0
        let count = unsafe recv(descriptor, &byte, 1, 0)
        guard count >= 0 else { throw Failure(call: "recv") }
        guard count == 0 else { throw Failure("the peer sent data where its end was expected") }
    }

    /// Closes as the one who does it first, against a peer that waits for it. A TIME_WAIT is left
    /// at this end.
    func closeFirst() throws(Failure) {
        try finish()
        try expectEnd()
    }

    /// Closes as the one who waits for the other. Nothing is left at this end.
    func closeSecond() throws(Failure) {
        try expectEnd()
        try finish()
        try expectState(TCP_CLOSE)
    }

    /// Closes one socket first and the other second, both being ends of one connection. A TIME_WAIT
    /// is left at the first.
    static func close(first: Socket, second: Socket) throws(Failure) {
        try first.finish()
        try second.expectEnd()
        try second.finish()
        try first.expectEnd()
        try second.expectState(TCP_CLOSE)
    }

    /// Waits until the kernel has brought the socket to a state; a delayed ACK may take 40 ms to
    /// arrive.
    func expectState(_ wanted: Int) throws(Failure) {
        let deadline = Clock.now + Double(Self.patience)
        while true {
            // The state is the first byte of struct tcp_info, and the kernel fills as much as there
            // is room for.
            var state: UInt8 = 0
            var length = socklen_t(1)
            guard unsafe getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &state, &length) == 0 else {
                throw Failure(call: "getsockopt TCP_INFO")
            }
            if state == wanted { return }
            guard Clock.now < deadline else { throw Failure("a socket stays in state \(state), not \(wanted)") }
            usleep(500)
        }
    }

    /// Makes the coming close() send a RST, which leaves nothing at either end.
    func closeByReset() throws(Failure) {
        try set(SOL_SOCKET, SO_LINGER, linger(l_onoff: 1, l_linger: 0))
    }
}
