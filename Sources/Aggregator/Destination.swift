import Model

extension Destination {
    /// Where the connection of a row goes.
    @inline(__always)
    init(_ row: borrowing SocketRow) {
        self.init(source: row.localAddress, address: row.remoteAddress, port: row.remotePort, device: row.device)
    }
}

extension Destination: TableKey {
    @inline(__always)
    func isSame(as other: Destination) -> Bool {
        address.low == other.address.low && source.low == other.source.low && port == other.port
            && address.high == other.address.high && source.high == other.source.high && device == other.device
    }

    @inline(__always)
    var hash: UInt64 {
        var number = (source.low ^ source.high &* 0xBF58_476D_1CE4_E5B9) &* 0x9E37_79B9_7F4A_7C15
        number = (number ^ number >> 32 ^ address.low ^ address.high &* 0x94D0_49BB_1331_11EB) &* 0xBF58_476D_1CE4_E5B9
        number = (number ^ number >> 32 ^ UInt64(port) ^ UInt64(device) << 16) &* 0x9E37_79B9_7F4A_7C15
        return number ^ number >> 29
    }
}
