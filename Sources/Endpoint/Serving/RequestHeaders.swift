import CMicrohttpd

/// The headers of a request.
struct RequestHeaders {
    /// In the order in which they came, with their names as they were written.
    private(set) var all: [(name: String, value: String)] = []
    /// Where each stands in libmicrohttpd's memory.
    private(set) var addresses: [(name: Range<UInt>, value: Range<UInt>)] = []

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

    fileprivate mutating func append(
        _ name: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer
    ) {
        unsafe all.append((String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
        unsafe addresses.append((Self.range(name), Self.range(value)))
    }

    private static func range(_ memory: UnsafeRawBufferPointer) -> Range<UInt> {
        let begin = UInt(bitPattern: memory.baseAddress)
        return begin..<begin + UInt(memory.count)
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
    // Each lies in the connection's memory; a value may be missing, and is empty then.
    unsafe headers.assumingMemoryBound(to: RequestHeaders.self).pointee.append(
        UnsafeRawBufferPointer(start: name, count: name == nil ? 0 : nameLength),
        UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : valueLength)
    )
    return .YES
}
