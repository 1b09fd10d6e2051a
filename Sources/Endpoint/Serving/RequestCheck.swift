/// What is wrong with a request that libmicrohttpd (0.9.75) lets pass and RFC 9112 does not: what two programs in a row
/// could read differently, so that one of them is made to see a request that the other did not.
enum RequestCheck {
    /// The largest body that is read, to be dropped: nothing here needs one.
    static let bodyLimit = 1 << 20

    /// A sentence for the client; nil where nothing is wrong.
    ///
    /// - Parameters:
    ///   - version: as in the first line, such as HTTP/1.1.
    ///   - versionAddress: where it stands in memory.
    static func problem(
        with progress: RequestProgress,
        _ headers: RequestHeaders,
        version: String,
        versionAddress: UInt
    ) -> String? {
        if hasNUL(progress, versionAddress: versionAddress) { return "The target of the request holds a NUL." }
        if progress.rawTarget.contains(" ") { return "The target of the request holds a space." }
        if !headers.all.allSatisfy({ isToken($0.name) }) { return "The name of a header is none." }
        let lengths = headers.values(of: "Content-Length")
        let codings = headers.values(of: "Transfer-Encoding")
        if lengths.count > 1 { return "There is more than one Content-Length." }
        if !lengths.isEmpty, !codings.isEmpty { return "Content-Length and Transfer-Encoding do not go together." }
        if let coding = codings.first, codings.count > 1 || coding.lowercased() != "chunked" {
            return "The only Transfer-Encoding that is read here is chunked."
        }
        if !codings.isEmpty, version != "HTTP/1.1" { return "Transfer-Encoding came with HTTP/1.1." }
        let hosts = headers.values(of: "Host")
        if hosts.count > 1 || version == "HTTP/1.1" && hosts.isEmpty { return "There has to be one Host." }
        return nil
    }

    /// Whether the request announces a body that is larger than what is read.
    static func announcesTooLargeBody(_ headers: RequestHeaders) -> Bool {
        headers.values(of: "Content-Length").contains { Int($0).map { $0 > bodyLimit } ?? true }
    }

    /// libmicrohttpd before 1.0 sees a target only up to its first NUL, so that "/metrics<NUL>x" would be "/metrics".
    /// A NUL as %00 is there in the target as it came. A raw one makes the version stand further behind than one byte
    /// after what is seen of the target: the first line lies in one piece in memory.
    private static func hasNUL(_ progress: RequestProgress, versionAddress: UInt) -> Bool {
        guard Endpoint.libraryVersion.hasPrefix("0.") else { return false }
        return progress.rawTarget.prefix { $0 != "?" }.contains("%00")
            || progress.expectedVersionAddress != versionAddress
    }

    /// Whether a text is what RFC 9110 (5.6.2) calls a token.
    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}
