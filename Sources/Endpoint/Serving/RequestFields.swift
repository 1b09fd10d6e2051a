import CMicrohttpd
import Glibc

/// Names and values that came with a request: its headers, or the arguments of its query.
struct RequestFields {
    private(set) var all: [(name: String, value: String)] = []
    /// Whether a header continues on a further line. libmicrohttpd (0.9.75) appends that line to
    /// the name instead of the value, so that a Content-Length can be missed, or one be seen where
    /// there is none. It does so in a copy behind the headers; else a name comes before its value.
    private(set) var isFolded = false

    init(_ connection: OpaquePointer, _ kind: MHD_ValueKind) {
        // The iterator runs before the call returns, and so within the life of self.
        unsafe withUnsafeMutablePointer(to: &self) { fields in
            _ = unsafe MHD_get_connection_values_n(connection, kind, appendField, fields)
        }
    }

    /// The values of all headers of a name, whatever its case.
    func values(of name: String) -> [String] {
        let name = name.lowercased()
        return all.filter { $0.name.lowercased() == name }.map(\.value)
    }

    /// The values of all headers of a name with commas between; nil where there is none.
    func joined(_ name: String) -> String? {
        let values = values(of: name)
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }

    fileprivate mutating func append(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        if let name = name.baseAddress, let value = value.baseAddress {
            if unsafe value < name { isFolded = true }
        }
        unsafe all.append((String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
    }
}

/// An MHD_KeyValueIteratorN.
private func appendField(
    fields: UnsafeMutableRawPointer?,
    kind: MHD_ValueKind,
    name: UnsafePointer<CChar>?,
    nameLength: Int,
    value: UnsafePointer<CChar>?,
    valueLength: Int
) -> MHD_Result {
    guard let fields = unsafe fields else { return .NO }
    // Each lies in the connection's memory; a value may be missing, and is empty then.
    unsafe fields.assumingMemoryBound(to: RequestFields.self).pointee.append(
        UnsafeRawBufferPointer(start: name, count: name == nil ? 0 : nameLength),
        UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : valueLength)
    )
    return .YES
}

/// What is wrong with a request.
struct RequestFault: Error {
    var status = StatusCode.badRequest
    /// For the client.
    let sentence: String
}

/// What is wrong with a request that libmicrohttpd (0.9.75) accepts, and that two programs in a
/// row could read differently: so one of them can be made to see a request that the other did not
/// (RFC 9112, 11.2).
enum Framing {
    /// The largest body that is read, to be dropped: nothing here needs one.
    static let bodyLimit = 1 << 20

    /// Checks the headers of a request.
    ///
    /// - Parameter version: as in the first line, such as HTTP/1.1.
    static func check(_ headers: RequestFields, version: String) throws(RequestFault) {
        if headers.isFolded { throw RequestFault(sentence: "A header continues on a second line.") }
        guard headers.all.allSatisfy({ isToken($0.name) }) else {
            throw RequestFault(sentence: "Invalid header name.")
        }
        let lengths = headers.values(of: "Content-Length")
        let codings = headers.values(of: "Transfer-Encoding")
        if lengths.count > 1 { throw RequestFault(sentence: "There is more than one Content-Length.") }
        if !lengths.isEmpty, !codings.isEmpty {
            throw RequestFault(sentence: "Content-Length and Transfer-Encoding exclude each other.")
        }
        if !codings.isEmpty {
            guard codings.count == 1, codings[0].lowercased() == "chunked", version == "HTTP/1.1" else {
                throw RequestFault(sentence: "The only Transfer-Encoding that is read here is chunked, of HTTP/1.1.")
            }
        }
        let hosts = headers.values(of: "Host")
        if hosts.count > 1 || version == "HTTP/1.1" && hosts.isEmpty {
            throw RequestFault(sentence: "Exactly one Host is expected.")
        }
        if let length = lengths.first, Int(length).map({ $0 > bodyLimit }) ?? true {
            throw RequestFault(status: .contentTooLarge, sentence: "No request here needs a body.")
        }
    }

    /// Whether a text is what RFC 9110 (5.6.2) calls a token.
    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { isalnum(CInt($0)) != 0 || "!#$%&'*+-.^_`|~".utf8.contains($0) }
    }
}
