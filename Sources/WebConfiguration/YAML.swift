import CYaml

/// A value of a file, and where it stands. A value at an alias has the alias's place; what is in it
/// has that of the anchor. Copies share their content, so that aliases of aliases take neither time
/// nor memory.
package struct Value {
    package enum Content {
        /// What is plain has neither quotation marks nor a tag, and may be a number, a boolean or
        /// null.
        case scalar(String, isPlain: Bool)
        case list([Value])
        /// In the order of the file, each key once.
        case mapping([Entry])
    }

    package struct Entry {
        package let key: String
        package let value: Value
    }

    package let place: Place
    package let content: Content
}

/// Reads a document of YAML with the events of libyaml.
@safe
package final class YAMLReader {
    /// A larger file is not a configuration file.
    private static let largest = 1 << 20
    /// libyaml needs minutes for a mebibyte of opening brackets.
    private static let deepest = 100
    /// A few anchors and merges could else stand for any number of keys.
    private static let mostMerged = 1_000

    private let file: String
    private let text: [UInt8]
    /// On the heap, because it holds a pointer to itself.
    private let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    private var anchors: [String: Value] = [:]
    private var merged = 0

    /// The outermost value; nil in a text without a document.
    package static func read(_ text: [UInt8], of file: String) throws(Problem) -> Value? {
        guard text.count <= largest else {
            throw Problem(file, line: 1, "the file has \(text.count) bytes; expected at most \(largest)")
        }
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: text.span)
        } catch {
            let line = line(ofByteAt: error.byteOffsets.lowerBound, in: text)
            throw Problem(file, line: line, "a byte is not UTF-8; expected the file in UTF-8")
        }
        let reader = YAMLReader(text, of: file)
        // The parser keeps the pointer, but nothing calls the parser after the closure.
        return try unsafe text.withUnsafeBufferPointer { bytes throws(Problem) in
            // libyaml asserts that the address is not NULL, even of no bytes.
            guard let start = bytes.baseAddress else { return nil }
            unsafe yaml_parser_set_input_string(reader.parser, start, bytes.count)
            return try reader.document()
        }
    }

    private init(_ text: [UInt8], of file: String) {
        (self.text, self.file) = (text, file)
        // It fills the memory of the parser, which is deleted and freed in deinit.
        guard unsafe yaml_parser_initialize(parser) == 1 else { fatalError("out of memory") }
    }

    deinit {
        // Nobody has the parser but this object.
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
    }

    private func document() throws(Problem) -> Value? {
        var root: Value?
        var documents = 0
        var isAtEnd = false
        while !isAtEnd {
            try unsafe withNextEvent { event throws(Problem) in
                // The type of the event says which member of the union is valid.
                switch unsafe event.type {
                case YAML_STREAM_START_EVENT, YAML_DOCUMENT_END_EVENT: return
                case YAML_STREAM_END_EVENT: isAtEnd = true
                case YAML_DOCUMENT_START_EVENT: documents += 1
                default:
                    if documents == 1 {
                        root = try unsafe value(of: event, at: "", 1)
                        return
                    }
                    // A line of three dashes at the end begins a document that contains nothing.
                    guard unsafe event.type == YAML_SCALAR_EVENT, unsafe event.data.scalar.length == 0,
                        unsafe event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE
                    else {
                        let line = unsafe Int(event.start_mark.line) + 1
                        throw Problem(file, line: line, "a second document begins; expected one in a file")
                    }
                }
            }
        }
        return root
    }

    /// Calls a function with the next event, which lives as long as the call.
    private func withNextEvent<Result>(
        _ body: (yaml_event_t) throws(Problem) -> Result
    ) throws(Problem) -> Result {
        var event = unsafe yaml_event_t()
        // libyaml fills the event, with texts that live until it is deleted. When it fails there is
        // none to delete.
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw problem }
        defer { unsafe yaml_event_delete(&event) }
        return try unsafe body(event)
    }

    /// The next item, key or value of a collection; nil at its end.
    ///
    /// - Parameter line: that of a value's key.
    private func next(at key: String, line: Int? = nil, depth: Int) throws(Problem) -> Value? {
        try unsafe withNextEvent { event throws(Problem) in
            // Every event has a type and a mark.
            let isEnd = unsafe [YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT].contains(event.type)
            let line = unsafe line ?? Int(event.start_mark.line) + 1
            return try unsafe isEnd ? nil : value(of: event, at: key, line, depth: depth)
        }
    }

    /// The value that begins with an event.
    ///
    /// - Parameter depth: how many collections are around it.
    private func value(of event: yaml_event_t, at key: String, _ line: Int, depth: Int = 0) throws(Problem) -> Value {
        let place = Place(file: file, line: line, key: key)
        // The type of the event says which member of the union is valid. Texts live as long as the
        // event, and end with NUL or have a length; they are copied.
        let data = unsafe event.data
        let content: Value.Content
        let anchor: UnsafeMutablePointer<yaml_char_t>?
        guard depth < Self.deepest else {
            throw Problem(
                file,
                line: line,
                "lists and mappings nest over \(Self.deepest) levels deep; expected 3 at most"
            )
        }
        switch unsafe event.type {
        case YAML_ALIAS_EVENT:
            guard let value = unsafe anchors[String(cString: data.alias.anchor)] else {
                let advice = "expected its anchor (&) above, or quotation marks around it"
                throw Problem(file, line: line, "an alias (*) refers to nothing; \(advice)")
            }
            return Value(place: place, content: value.content)
        case YAML_SEQUENCE_START_EVENT:
            try unsafe refuse(data.sequence_start.tag, at: place)
            unsafe anchor = data.sequence_start.anchor
            var items: [Value] = []
            while let item = try next(at: "\(key)[\(items.count)]", depth: depth + 1) { items.append(item) }
            content = .list(items)
        case YAML_MAPPING_START_EVENT:
            try unsafe refuse(data.mapping_start.tag, at: place)
            unsafe anchor = data.mapping_start.anchor
            content = .mapping(try entries(of: key, depth: depth + 1))
        default:
            let scalar = unsafe data.scalar
            unsafe anchor = scalar.anchor
            let tag = unsafe scalar.tag.map { unsafe String(cString: $0) }
            if let tag, !["!", "tag:yaml.org,2002:str"].contains(tag) { try unsafe refuse(scalar.tag, at: place) }
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let isPlain = unsafe tag == nil && scalar.style == YAML_PLAIN_SCALAR_STYLE
            content = unsafe .scalar(String(decoding: bytes, as: UTF8.self), isPlain: isPlain)
        }
        let value = Value(place: place, content: content)
        if let anchor = unsafe anchor { unsafe anchors[String(cString: anchor)] = value }
        return value
    }

    /// Tags convert a value to a type. The decoder knows every type, so it takes only the tag of a
    /// string.
    private func refuse(_ tag: UnsafeMutablePointer<yaml_char_t>?, at place: Place) throws(Problem) {
        // The text is not read.
        if unsafe tag == nil { return }
        let advice = "expected the value without it, in quotation marks if it begins with !"
        throw Problem(place: place, reason: "a tag (!) converts the value; \(advice)")
    }

    /// The keys and values of a mapping. A merge key (`<<`) adds those of other mappings, but none
    /// that is there already: to replace one could drop what it says, such as the policy for
    /// clients.
    private func entries(of key: String, depth: Int) throws(Problem) -> [Value.Entry] {
        var entries: [Value.Entry] = []
        var lines: [String: Int] = [:]
        func add(_ entry: Value.Entry) throws(Problem) {
            if let line = lines.updateValue(entry.value.place.line, forKey: entry.key) {
                throw entry.value.problem("the key stands in line \(line) already; expected it once")
            }
            entries.append(entry)
        }
        while let name = try next(at: key, depth: depth) {
            guard case .scalar(let text, let isPlain) = name.content else { throw name.wrongKind("a string as a key") }
            let path = key.isEmpty ? text.shownAsKey : "\(key).\(text.shownAsKey)"
            // libyaml gives every key a value.
            guard let value = try next(at: path, line: name.place.line, depth: depth) else { break }
            guard isPlain, text == "<<" else {
                try add(.init(key: text, value: value))
                continue
            }
            let sources = if case .list(let items) = value.content { items } else { [value] }
            for source in sources {
                guard case .mapping(let more) = source.content else {
                    throw source.wrongKind("a mapping or a list of mappings to merge")
                }
                merged += 1 + more.count
                guard merged <= Self.mostMerged else {
                    throw value.problem("over 1000 keys are merged (<<); expected fewer")
                }
                for entry in more { try add(entry) }
            }
        }
        return entries
    }

    /// What libyaml finds wrong.
    private var problem: Problem {
        // The parser lives as long as this object. The descriptions are constants of libyaml and
        // contain nothing of the text.
        let parser = unsafe parser.pointee
        guard let problem = unsafe parser.problem else { return Problem(file, line: 1, "no memory is left to read it") }
        var reason = unsafe String(cString: problem)
        var line = unsafe Int(parser.problem_mark.line) + 1
        if unsafe parser.error == YAML_READER_ERROR {
            // The reader of characters counts bytes, not lines.
            line = unsafe Self.line(ofByteAt: parser.problem_offset, in: text)
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

    private static func line(ofByteAt offset: Int, in text: [UInt8]) -> Int {
        1 + text.prefix(offset).count { $0 == UInt8(ascii: "\n") }
    }
}
