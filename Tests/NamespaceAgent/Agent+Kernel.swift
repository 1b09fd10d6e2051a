import Glibc

/// Settings of the namespace, and what stands in its tables.
extension Agent {
    /// `sysctl`: answers nothing.
    mutating func sysctl(_ words: inout Words) throws(Failure) -> String {
        let name = try words.next("NAME")
        guard !name.contains("..") else { throw Failure("\(name) leads out of net/ipv4") }
        // The line end is for lists that are to be empty.
        let value = Array((words.remainder() + "\n").utf8)
        try withFile("/proc/sys/net/ipv4/\(name)", O_WRONLY) { descriptor throws(Failure) in
            var start = 0
            // One write() takes up to 4,095 bytes of a list of ports; the next ones add to it.
            while start < value.count {
                let count = unsafe value.withUnsafeBytes {
                    unsafe write(descriptor, $0.baseAddress?.advanced(by: start), $0.count - start)
                }
                guard count > 0 else { throw Failure(call: "write \(name)") }
                start += count
            }
        }
        return ""
    }

    /// `wait-port`: answers nothing.
    mutating func waitPort(_ words: inout Words) throws(Failure) -> String {
        let word = try words.next("ADDRESS or *")
        let address = Address(word)
        guard address != nil || word == "*" else { throw Failure("\(word) is no address and not *") }
        let port = try words.port()
        let timeout = try words.number("TIMEOUT_MS", 0...60_000)
        let deadline = Clock.now + Double(timeout) / 1000
        while true {
            if try ListenTable.holds(address, port) { return "" }
            guard Clock.now < deadline else {
                throw Failure("nobody listens on \(word) port \(port) after \(timeout) ms")
            }
            usleep(5_000)
        }
    }
}
