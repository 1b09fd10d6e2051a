import CYaml

/// The border to libyaml. Its parser and its events want memory of their own; whatever happens, it is given back here.
enum YAMLEvents {
    /// Hands every event of a text in UTF-8 to `body`, in order, until `body` throws or the text ends.
    ///
    /// - Throws: where the text is no YAML, and what `body` throws.
    static func read(
        _ text: [UInt8],
        _ body: (YAMLEvent) throws(YAMLSyntaxError) -> Void
    ) throws(YAMLSyntaxError) {
        // On the heap, because the parser holds a pointer to itself.
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        defer { unsafe parser.deallocate() }
        // Where it fails it has tidied up itself.
        guard unsafe yaml_parser_initialize(parser) == 1 else { throw .outOfMemory }
        defer { unsafe yaml_parser_delete(parser) }
        // The parser keeps the pointer, and is not asked for anything after the closure.
        try unsafe text.withUnsafeBufferPointer { bytes throws(YAMLSyntaxError) in
            // libyaml asserts that there is an address, even of no bytes.
            guard let start = bytes.baseAddress else { return }
            unsafe yaml_parser_set_input_string(parser, start, bytes.count)
            var goesOn = true
            while goesOn { goesOn = try unsafe step(parser, of: text, body) }
        }
    }

    /// - Returns: whether there is more.
    private static func step(
        _ parser: UnsafeMutablePointer<yaml_parser_t>,
        of text: [UInt8],
        _ body: (YAMLEvent) throws(YAMLSyntaxError) -> Void
    ) throws(YAMLSyntaxError) -> Bool {
        var event = unsafe yaml_event_t()
        // Where it fails it leaves no event.
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw unsafe error(of: parser.pointee, in: text) }
        defer { unsafe yaml_event_delete(&event) }
        if let event = unsafe YAMLEvent(event) { try body(event) }
        return unsafe event.type != YAML_STREAM_END_EVENT
    }

    private static func error(of parser: yaml_parser_t, in text: [UInt8]) -> YAMLSyntaxError {
        // The descriptions are constants of libyaml; it quotes nothing of the text.
        guard let problem = unsafe parser.problem else { return .outOfMemory }
        let found = unsafe String(cString: problem)
        // The part of libyaml that reads characters knows bytes, but no lines.
        if unsafe parser.error == YAML_READER_ERROR {
            return .malformed(found, line: unsafe text.line(ofByteAt: parser.problem_offset), of: text)
        }
        let line = unsafe Int(parser.problem_mark.line) + 1
        guard let context = unsafe parser.context else { return .malformed(found, line: line, of: text) }
        let begin = unsafe Int(parser.context_mark.line) + 1
        let since = begin == line ? "" : " that begins in line \(begin)"
        return unsafe .malformed("\(String(cString: context))\(since), \(found)", line: line, of: text)
    }
}

extension YAMLEvent {
    /// Copies what matters; nil for the begin and the end of the stream.
    fileprivate init?(_ event: yaml_event_t) {
        let data = unsafe event.data
        line = unsafe Int(event.start_mark.line) + 1
        switch unsafe event.type {
        case YAML_DOCUMENT_START_EVENT: kind = .documentStart
        case YAML_DOCUMENT_END_EVENT: kind = .documentEnd
        case YAML_SCALAR_EVENT:
            let scalar = unsafe data.scalar
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            kind = unsafe .scalar(
                String(decoding: bytes, as: UTF8.self),
                isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE
            )
            anchor = unsafe Self.text(scalar.anchor)
            tag = unsafe Self.text(scalar.tag)
        case YAML_SEQUENCE_START_EVENT:
            kind = .sequenceStart
            anchor = unsafe Self.text(data.sequence_start.anchor)
            tag = unsafe Self.text(data.sequence_start.tag)
        case YAML_MAPPING_START_EVENT:
            kind = .mappingStart
            anchor = unsafe Self.text(data.mapping_start.anchor)
            tag = unsafe Self.text(data.mapping_start.tag)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: kind = .collectionEnd
        case YAML_ALIAS_EVENT: kind = unsafe .alias(Self.text(data.alias.anchor) ?? "")
        default: return nil
        }
    }

    private static func text(_ bytes: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        unsafe bytes.map { unsafe String(cString: $0) }
    }
}
