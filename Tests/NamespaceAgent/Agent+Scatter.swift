import Glibc

/// Connections to very many destinations.
extension Agent {
    /// `scatter`: one connection to each of COUNT addresses of 10.0.0.0/8, all to one listener of
    /// this agent on every address, closed by the client first, at most RATE a second. Their ports
    /// are chosen by the kernel. Answers how many.
    mutating func scatter(_ words: inout Words) throws(Failure) -> String {
        let count = try words.number("COUNT", 1...1_000_000)
        let port = try words.port()
        let rate = try words.number("RATE", 1...1_000_000)
        let start = Clock.now
        try repeating(count) { index throws(Failure) in
            let early = Double(index) / Double(rate) - (Clock.now - start)
            if early > 0.001 { usleep(UInt32(early * 1e6)) }
            // An odd factor modulo 2^24 leads every index to an address of its own.
            let host = UInt32(truncatingIfNeeded: index) &* 2_654_435_761 & 0xFF_FFFF
            guard let address = Address("10.\(host >> 16).\(host >> 8 & 255).\(host & 255)") else {
                throw Failure("\(host) makes no address")
            }
            let client = try Socket(family: AF_INET)
            guard try client.connect(to: address, port) else { throw Failure("no port for \(address.text)") }
            let server = try nextConnection(at: port).socket
            try client.finish()
            try server.expectEnd()
            try server.finish()
            try client.expectEnd()
        }
        return "\(count)"
    }
}
