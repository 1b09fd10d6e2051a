import Model

extension SocketRow {
    /// Whether both ends are the same: a client that was given the port that it dials, and so
    /// dialed itself.
    var isSelfConnected: Bool { localPort == remotePort && localAddress == remoteAddress }

    /// A number for the connection, whatever its state: the same for the same two ends, and
    /// practically never for others.
    var connection: UInt64 {
        var number = localAddress.high ^ UInt64(localPort) << 16 ^ UInt64(remotePort)
        number = (number ^ number >> 32) &* 0x9E37_79B9_7F4A_7C15 ^ localAddress.low
        number = (number ^ number >> 32) &* 0x9E37_79B9_7F4A_7C15 ^ remoteAddress.high
        number = (number ^ number >> 32) &* 0x9E37_79B9_7F4A_7C15 ^ remoteAddress.low
        return (number ^ number >> 29) &* 0xBF58_476D_1CE4_E5B9
    }
}
