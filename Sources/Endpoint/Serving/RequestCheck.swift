/// What is wrong with a request that libmicrohttpd (0.9.75) lets pass and RFC 9112 does not: what two programs in a row
/// could read differently, so that one of them is made to see a request that the other did not.
enum RequestCheck {
    /// The largest body that is read, to be dropped: nothing here needs one.
    static let bodyLimit = 1 << 20

    /// A sentence for the client; nil where nothing is wrong.
    ///
    /// - Parameter version: as in the first line, such as HTTP/1.1.
    static func problem(
        with target: [UInt8],
        version: String,
        _ headers: RequestHeaders,
        _ layout: RequestLayout
    ) -> String? {
        guard layout.isWithoutGaps else {
            return "The request holds a NUL, a lone line feed, a header without a name, or one over several lines."
        }
        guard target.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return "The target of the request holds a character that it cannot."
        }
        let path = target.prefix { $0 != UInt8(ascii: "?") }
        guard path.first == UInt8(ascii: "/") || path == [UInt8(ascii: "*")] || path.contains(UInt8(ascii: ":")) else {
            return "The target of the request is neither a path nor a URI."
        }
        // libmicrohttpd decodes it, and then sees a path only up to the NUL.
        guard path.firstRange(of: "%00".utf8) == nil else { return "The target of the request holds a NUL." }
        guard headers.all.allSatisfy({ isToken($0.name) }) else { return "The name of a header is none." }
        guard headers.all.allSatisfy({ isValue($0.value) }) else {
            return "The value of a header holds a control character."
        }
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

    private static func isValue(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == UInt8(ascii: "\t") }
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
