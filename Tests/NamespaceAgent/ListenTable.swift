import Glibc

/// The listeners of the namespace, whoever they belong to, from /proc/net/tcp and tcp6.
enum ListenTable {
    /// Whether somebody listens on a port, at exactly this address or, if it is nil, at any.
    static func holds(_ address: Address?, _ port: UInt16) throws(Failure) -> Bool {
        let digits = String(port, radix: 16, uppercase: true)
        let wanted = (address?.inProcNet ?? "") + ":" + String(repeating: "0", count: 4 - digits.count) + digits
        for table in ["tcp", "tcp6"] {
            if try listeners("/proc/thread-self/net/\(table)").contains(where: { $0.hasSuffix(wanted) }) { return true }
        }
        return false
    }

    /// The local addresses of the LISTEN rows, as the table writes them. They stand before all
    /// others, and reading stops there: what follows costs the kernel a walk through the hash of
    /// the whole machine.
    private static func listeners(_ path: String) throws(Failure) -> [Substring] {
        try withFile(path, O_RDONLY) { descriptor throws(Failure) in
            var addresses: [Substring] = []
            var text = ""
            while true {
                let chunk = try readChunk(descriptor, path)
                if chunk.isEmpty { return addresses }
                text += String(decoding: chunk, as: UTF8.self)
                // A row may continue in the next chunk.
                guard let end = text.lastIndex(of: "\n") else { continue }
                for row in text[..<end].split(separator: "\n") {
                    let fields = row.split(separator: " ", maxSplits: 4)
                    // The heading has no ':' behind its first word.
                    guard fields.count == 5, fields[0].hasSuffix(":") else { continue }
                    guard fields[3] == "0A" else { return addresses }
                    addresses.append(fields[1])
                }
                text = String(text[text.index(after: end)...])
            }
        }
    }
}
