import CMicrohttpd

/// The headers of a request.
struct RequestHeaders {
    /// In the order in which they came, with their names as they were written.
    private(set) var all: [(name: String, value: String)] = []

    /// Copies what libmicrohttpd holds.
    init(_ connection: OpaquePointer) {
        // The iterator runs before the call returns, and so within the life of self.
        unsafe withUnsafeMutablePointer(to: &self) { headers in
            _ = unsafe MHD_get_connection_values_n(connection, .HEADER_KIND, appendHeader, headers)
        }
    }

    /// The values of all headers of a name, whatever its case, with commas between; nil where there is none.
    func joined(_ name: String) -> String? {
        let values = values(of: name)
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }

    /// The values of all headers of a name, whatever its case.
    func values(of name: String) -> [String] {
        let name = name.lowercased()
        return all.filter { $0.name.lowercased() == name }.map(\.value)
    }

    fileprivate mutating func append(_ name: String, _ value: String) {
        all.append((name, value))
    }
}

/// An MHD_KeyValueIteratorN.
private func appendHeader(
    headers: UnsafeMutableRawPointer?,
    kind: MHD_ValueKind,
    name: UnsafePointer<CChar>?,
    nameLength: Int,
    value: UnsafePointer<CChar>?,
    valueLength: Int
) -> MHD_Result {
    guard let headers = unsafe headers else { return .NO }
    func text(_ start: UnsafePointer<CChar>?, _ count: Int) -> String {
        unsafe String(decoding: UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count), as: UTF8.self)
    }
    let header = unsafe (text(name, nameLength), text(value, valueLength))
    unsafe headers.assumingMemoryBound(to: RequestHeaders.self).pointee.append(header.0, header.1)
    return .YES
}
