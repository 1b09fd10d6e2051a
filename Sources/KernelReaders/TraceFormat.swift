import Model

/// Where the fields of a tracepoint's records lie, by its `format` file in tracefs:
///
///     name: inet_sock_set_state
///     ID: 2287
///     format:
///             field:int oldstate;	offset:16;	size:4;	signed:1;
package struct TraceFormat: Equatable, Sendable {
    private struct Field: Equatable {
        let offset: Int
        let size: Int
    }

    /// The number that perf_event_open() takes, which `common_type` of each record repeats.
    package let id: UInt32
    private let fields: [String: Field]
    private let path: String

    /// - Parameters:
    ///   - bytes: the content of the file.
    ///   - path: its path, for messages.
    package init(_ bytes: Span<UInt8>, from path: String) throws(ReadError) {
        var id: UInt32?
        var fields: [String: Field] = [:]
        var position = 0
        while let line = bytes.line(at: &position) {
            let text = bytes.extracting(line)
            if text.starts(with: "ID: ") { id = text.decimal(in: 4..<text.count) }
            guard let field = text.field else { continue }
            fields[field.name] = Field(offset: field.offset, size: field.size)
        }
        guard let id else {
            throw .malformed(path, "no line 'ID: NUMBER': expected the format file of a tracepoint")
        }
        self.id = id
        self.fields = fields
        self.path = path
    }

    /// The offset of a field.
    ///
    /// - Parameter size: the bytes that it must have.
    func offset(of name: String, size: Int) throws(ReadError) -> Int {
        guard let field = fields[name] else { throw .malformed(path, "no field \(name)") }
        guard field.size == size, field.offset <= Int(UInt16.max) - size else {
            throw .malformed(path, "field \(name): offset \(field.offset), size \(field.size); expected size \(size)")
        }
        return field.offset
    }
}

extension Span<UInt8> {
    /// The name, offset and size in a line of a format file; nil in other lines.
    fileprivate var field: (name: String, offset: Int, size: Int)? {
        let text = String(decoding: (0..<count).map { self[$0] }, as: UTF8.self)
        var declaration: Substring?
        var numbers: [Substring: Int] = [:]
        for part in text.split(separator: ";") {
            let part = part.drop { $0 == "\t" || $0 == " " }
            guard let colon = part.firstIndex(of: ":") else { continue }
            let (key, value) = (part[..<colon], part[part.index(after: colon)...])
            if key == "field" { declaration = value } else { numbers[key] = Int(value) }
        }
        // The last word, without the number of its elements: `__u8 saddr_v6[16]`.
        guard let name = declaration?.split(separator: " ").last?.prefix(while: { $0 != "[" }),
            let offset = numbers["offset"], let size = numbers["size"], offset >= 0, size > 0
        else { return nil }
        return (String(name), offset, size)
    }
}

/// A change of a TCP socket's state, as sock:inet_sock_set_state records it.
struct StateChange {
    /// What the exporter records of the tracepoint.
    enum Kind {
        /// A socket closes first.
        case close
        /// As `close`, of an MPTCP connection, whose subflow closes later with the same ends.
        case multipathClose
        /// connect() found no free port.
        case failedConnect
    }

    let kind: Kind
    let ends: ConnectionEnds

    /// Has the kernel record what `Kind` lists (include/net/tcp_states.h): a socket that leaves for
    /// FIN_WAIT1 (4), once, with IPPROTO_TCP (6) or IPPROTO_MPTCP (262); and one that goes from
    /// SYN_SENT (2) to CLOSE (7) without a port.
    static let filter =
        "(newstate == 4 && oldstate != 4 && (protocol == 6 || protocol == 262))"
        + " || (oldstate == 2 && newstate == 7 && sport == 0)"

    /// Where the fields of a record lie.
    struct Format {
        let id: UInt32
        private let newState, sourcePort, destinationPort, protocolNumber, source, destination: Int
        /// The bytes that a record must have.
        private let size: Int

        init(_ format: TraceFormat) throws(ReadError) {
            id = format.id
            // The filter needs it.
            _ = try format.offset(of: "oldstate", size: 4)
            newState = try format.offset(of: "newstate", size: 4)
            sourcePort = try format.offset(of: "sport", size: 2)
            destinationPort = try format.offset(of: "dport", size: 2)
            protocolNumber = try format.offset(of: "protocol", size: 2)
            // IPv4 addresses are there, too, as v4-mapped ones.
            source = try format.offset(of: "saddr_v6", size: 16)
            destination = try format.offset(of: "daddr_v6", size: 16)
            let ends = [newState + 4, sourcePort + 2, destinationPort + 2, protocolNumber + 2, source + 16]
            size = ends.reduce(destination + 16, max)
        }

        /// The change in a record; nil where the record is too short.
        @inline(__always)
        func change(in record: Span<UInt8>) -> StateChange? {
            guard record.count >= size else { return nil }
            let kind: Kind =
                record.native32(at: newState) == 7
                ? .failedConnect : record.native16(at: protocolNumber) == 262 ? .multipathClose : .close
            return StateChange(
                kind: kind,
                ends: ConnectionEnds(
                    local: (record.address(at: source), record.native16(at: sourcePort)),
                    remote: (record.address(at: destination), record.native16(at: destinationPort))
                )
            )
        }
    }
}

/// A bind() that failed with EADDRINUSE, as syscalls:sys_exit_bind records it.
enum FailedBindFormat {
    /// -EADDRINUSE.
    static let filter = "ret == -98"

    /// The number of the tracepoint.
    static func id(_ file: TracepointFile) throws(ReadError) -> UInt32 {
        let format = try TraceFormat(file.content.span, from: file.path)
        // The filter needs it.
        _ = try format.offset(of: "ret", size: 8)
        return format.id
    }
}

extension Span<UInt8> {
    /// Sixteen bytes as an IPv6 address.
    @inline(__always)
    fileprivate func address(at offset: Int) -> IPAddress {
        IPAddress(high: word64(at: offset).byteSwapped, low: word64(at: offset + 8).byteSwapped)
    }
}
