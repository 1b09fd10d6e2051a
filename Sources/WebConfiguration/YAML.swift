/// A document of YAML as a table of nodes that refer to each other by index. An alias is the index of the node that it
/// refers to, not a copy, so neither nested aliases nor an alias inside its own anchor let the document grow.
struct YAMLDocument {
    struct Node {
        enum Content: Equatable {
            case scalar(String, isPlain: Bool)
            case sequence
            case mapping
        }

        let line: Int
        let tag: String?
        let content: Content
        /// The items of a sequence, or the keys and values of a mapping in turn.
        var children: [Int] = []
    }

    /// A larger file is not a configuration file.
    private static let largest = 1 << 20
    /// libyaml needs minutes for a mebibyte of opening brackets.
    private static let deepest = 100

    let file: String
    /// The nodes in the order of the file.
    private(set) var nodes: [Node] = []
    /// The index of the outermost node; nil in a text without a document.
    private(set) var root: Int?
    private var anchors: [String: Int] = [:]
    /// The collections that have begun and not ended, the innermost last.
    private var open: [Int] = []
    private var documents = 0

    /// Reads the only document of a text.
    init(_ text: [UInt8], of file: String) throws(Problem) {
        self.file = file
        guard text.count <= Self.largest else {
            throw Problem(file, line: 1, "the file has \(text.count) bytes; expected at most \(Self.largest)")
        }
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: text.span)
        } catch {
            let line = text.line(ofByteAt: error.byteOffsets.lowerBound)
            throw Problem(file, line: line, "a byte is not UTF-8; expected the file in UTF-8")
        }
        try YAMLEvent.read(text, of: file) { event throws(Problem) in try take(event) }
    }

    private mutating func take(_ event: YAMLEvent) throws(Problem) {
        switch event.kind {
        case .documentStart: documents += 1
        case .documentEnd: anchors = [:]
        case .collectionEnd: open.removeLast()
        case .scalar(let text, let isPlain):
            // A line of three dashes at the end begins a document that contains nothing.
            if documents > 1, isPlain, text.isEmpty { return }
            _ = try add(.scalar(text, isPlain: isPlain), of: event)
        case .sequenceStart: open.append(try add(.sequence, of: event))
        case .mappingStart: open.append(try add(.mapping, of: event))
        case .alias(let name):
            guard let node = anchors[name] else {
                let reason =
                    "an alias (*) refers to nothing; expected its anchor (&) above, or quotation marks around it"
                throw Problem(file, line: event.line, reason)
            }
            put(node)
        }
    }

    private mutating func add(_ content: Node.Content, of event: YAMLEvent) throws(Problem) -> Int {
        if documents > 1 {
            throw Problem(file, line: event.line, "a second document begins; expected one in a file")
        }
        if open.count == Self.deepest {
            let reason = "lists and mappings nest over \(Self.deepest) levels deep; expected 3 at most"
            throw Problem(file, line: event.line, reason)
        }
        let node = nodes.count
        nodes.append(Node(line: event.line, tag: event.tag, content: content))
        if let name = event.anchor { anchors[name] = node }
        put(node)
        return node
    }

    /// Appends a node to the innermost collection.
    private mutating func put(_ node: Int) {
        if let parent = open.last { nodes[parent].children.append(node) } else { root = node }
    }
}
