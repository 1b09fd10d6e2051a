import CMicrohttpd

/// Names and values that came with a request: its headers, or the arguments of its query.
struct RequestFields {
    /// In the order in which they came. A value is empty where there was none.
    private(set) var all: [(name: String, value: String)] = []

    /// Copies what libmicrohttpd holds.
    init(_ connection: OpaquePointer, _ kind: MHD_ValueKind) {
        // The iterator runs before the call returns, and so within the life of self.
        unsafe withUnsafeMutablePointer(to: &self) { fields in
            _ = unsafe MHD_get_connection_values_n(connection, kind, appendField, fields)
        }
    }

    /// The values of all fields of a name, whatever its case, with commas between; nil where there is none.
    func joined(_ name: String) -> String? {
        let values = values(of: name)
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }

    /// The values of all fields of a name, whatever its case.
    func values(of name: String) -> [String] {
        let name = name.lowercased()
        return all.filter { $0.name.lowercased() == name }.map(\.value)
    }

    fileprivate mutating func append(_ name: String, _ value: String) {
        all.append((name, value))
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
    func text(_ start: UnsafePointer<CChar>?, _ count: Int) -> String {
        unsafe String(decoding: UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count), as: UTF8.self)
    }
    let field = unsafe (text(name, nameLength), text(value, valueLength))
    unsafe fields.assumingMemoryBound(to: RequestFields.self).pointee.append(field.0, field.1)
    return .YES
}
