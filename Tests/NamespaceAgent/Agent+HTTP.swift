/// Where a kept HTTP connection goes.
struct Visit: Hashable {
    /// The server's address.
    let address: Address
    /// The server's port.
    let port: UInt16
}

/// Scrapes. They go over one kept connection for each address and port, so that they add no
/// TIME_WAITs to those that are counted.
extension Agent {
    /// `get`: the line `ok STATUS LENGTH TYPE`, and LENGTH bytes of body behind it. The rest of the
    /// command is the Accept header. A connection that the server ended, or that failed, is an
    /// error once, and the next `get` opens a new one.
    mutating func get(_ words: inout Words) throws(Failure) -> [UInt8] {
        let visit = Visit(address: try words.address(), port: try words.port())
        let path = try words.next("PATH")
        let accept = words.remainder()
        let connection = if let kept = visits.removeValue(forKey: visit) { kept } else { try HTTPConnection(visit) }
        let answer = try connection.get(path, accept: accept)
        if answer.staysOpen { visits[visit] = connection }
        return Array("ok \(answer.status) \(answer.body.count) \(answer.type)\n".utf8) + answer.body
    }

    /// `disconnect`: answers nothing. This end closes first, and so leaves a TIME_WAIT.
    mutating func disconnect(_ words: inout Words) throws(Failure) -> String {
        let visit = Visit(address: try words.address(), port: try words.port())
        guard let connection = visits.removeValue(forKey: visit) else {
            throw Failure("no connection to \(visit.address.text) port \(visit.port) is kept")
        }
        try connection.closeFirst()
        return ""
    }
}
