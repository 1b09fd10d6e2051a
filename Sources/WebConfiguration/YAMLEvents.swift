import CYaml

/// One step of libyaml through a text.
struct YAMLEvent {
    enum Kind: Equatable {
        case documentStart
        case documentEnd
        case scalar(String, isPlain: Bool)
        case sequenceStart
        case mappingStart
        case collectionEnd
        case alias(String)
    }

    let kind: Kind
    /// The line in which it begins, from 1.
    let line: Int
    /// The name that an alias can refer to.
    var anchor: String?
    /// The tag in full, where the file has one.
    var tag: String?

    /// Calls `body` with every event of a text in UTF-8, in order, until `body` throws or the text ends.
    ///
    /// - Throws: what libyaml finds wrong, with its line, and what `body` throws.
    static func read(
        _ text: [UInt8],
        of file: String,
        _ body: (YAMLEvent) throws(Problem) -> Void
    ) throws(Problem) {
        let outOfMemory = Problem(file, line: 1, "no memory is left to read it")
        // On the heap, because the parser holds a pointer to itself.
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        defer { unsafe parser.deallocate() }
        // It frees its own memory when it fails.
        guard unsafe yaml_parser_initialize(parser) == 1 else { throw outOfMemory }
        defer { unsafe yaml_parser_delete(parser) }
        // The parser keeps the pointer, but nothing calls the parser after the closure.
        try unsafe text.withUnsafeBufferPointer { bytes throws(Problem) in
            // libyaml asserts that the address is not NULL, even of no bytes.
            guard let start = bytes.baseAddress else { return }
            unsafe yaml_parser_set_input_string(parser, start, bytes.count)
            while true {
                var event = unsafe yaml_event_t()
                // It leaves no event to delete when it fails.
                guard unsafe yaml_parser_parse(parser, &event) == 1 else {
                    throw unsafe problem(of: parser.pointee, in: text, of: file) ?? outOfMemory
                }
                defer { unsafe yaml_event_delete(&event) }
                if let event = unsafe YAMLEvent(event) { try body(event) }
                if unsafe event.type == YAML_STREAM_END_EVENT { return }
            }
        }
    }

    /// What libyaml finds wrong; nil where its memory ran out.
    private static func problem(of parser: yaml_parser_t, in text: [UInt8], of file: String) -> Problem? {
        // The descriptions are constants of libyaml and contain nothing of the text.
        guard let problem = unsafe parser.problem else { return nil }
        var reason = unsafe String(cString: problem)
        var line = unsafe Int(parser.problem_mark.line) + 1
        if unsafe parser.error == YAML_READER_ERROR {
            // The reader of characters counts bytes, not lines.
            line = unsafe text.line(ofByteAt: parser.problem_offset)
        } else if let context = unsafe parser.context {
            let begin = unsafe Int(parser.context_mark.line) + 1
            let since = begin == line ? "" : " that begins in line \(begin)"
            reason = unsafe "\(String(cString: context))\(since), \(reason)"
        }
        // libyaml never names the most common cause.
        let lines = text.split(separator: 0x0A, maxSplits: line, omittingEmptySubsequences: false)
        let indentation = lines.dropFirst(line - 1).first?.prefix { [0x20, 0x09].contains($0) } ?? []
        let advice = indentation.contains(0x09) ? "; expected spaces as indentation, not a tab" : ""
        return Problem(file, line: line, "not YAML: \(reason)\(advice)")
    }

    /// Copies what matters; nil for the begin and the end of the stream.
    private init?(_ event: yaml_event_t) {
        // The type of the event says which member of the union is valid.
        let data = unsafe event.data
        line = unsafe Int(event.start_mark.line) + 1
        switch unsafe event.type {
        case YAML_DOCUMENT_START_EVENT: kind = .documentStart
        case YAML_DOCUMENT_END_EVENT: kind = .documentEnd
        case YAML_SCALAR_EVENT:
            let scalar = unsafe data.scalar
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let text = unsafe String(decoding: bytes, as: UTF8.self)
            kind = unsafe .scalar(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
            (anchor, tag) = unsafe (Self.text(scalar.anchor), Self.text(scalar.tag))
        case YAML_SEQUENCE_START_EVENT:
            kind = .sequenceStart
            (anchor, tag) = unsafe (Self.text(data.sequence_start.anchor), Self.text(data.sequence_start.tag))
        case YAML_MAPPING_START_EVENT:
            kind = .mappingStart
            (anchor, tag) = unsafe (Self.text(data.mapping_start.anchor), Self.text(data.mapping_start.tag))
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: kind = .collectionEnd
        case YAML_ALIAS_EVENT: kind = unsafe .alias(Self.text(data.alias.anchor) ?? "")
        default: return nil
        }
    }

    /// A copy of a text that libyaml ends with NUL; nil where it is NULL.
    private static func text(_ bytes: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        unsafe bytes.map { unsafe String(cString: $0) }
    }
}

extension [UInt8] {
    /// The line that contains a byte, from 1.
    func line(ofByteAt offset: Int) -> Int { 1 + prefix(offset).count { $0 == UInt8(ascii: "\n") } }
}
