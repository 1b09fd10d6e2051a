/// A document of YAML: nodes that refer to each other by their place in the list. An alias is the node it calls for, not
/// a copy of it, so that neither nested aliases nor one that contains itself can make the document grow.
struct YAMLDocument {
    struct Node {
        let line: Int
        let tag: String?
        let content: Content
        /// The items of a sequence, or the keys and values of a mapping in turn.
        var children: [Int] = []
    }

    enum Content {
        case scalar(String, isPlain: Bool)
        case sequence
        case mapping
    }

    /// libyaml needs minutes for a mebibyte of opening brackets.
    private static let deepest = 100

    /// Every node, in the order of the file.
    private(set) var nodes: [Node] = []
    /// The node that holds all others; nil in a text without any document.
    private(set) var root: Int?

    private var anchors: [String: Int] = [:]
    /// The collections that have begun and not ended, the innermost last.
    private var open: [Int] = []
    private var documents = 0

    /// Reads the first document of a text, and sees that nothing comes after it.
    init(_ text: [UInt8]) throws(YAMLSyntaxError) {
        try YAMLEvents.read(text) { event throws(YAMLSyntaxError) in try take(event) }
    }

    private mutating func take(_ event: YAMLEvent) throws(YAMLSyntaxError) {
        switch event.kind {
        case .documentStart: documents += 1
        case .documentEnd: anchors = [:]
        case .collectionEnd: open.removeLast()
        case .scalar(let text, let isPlain):
            try add(.scalar(text, isPlain: isPlain), of: event)
        case .sequenceStart:
            open.append(try add(.sequence, of: event))
        case .mappingStart:
            open.append(try add(.mapping, of: event))
        case .alias(let name):
            guard let node = anchors[name] else {
                throw YAMLSyntaxError(
                    line: event.line,
                    reason:
                        "an alias (*) refers to nothing; expected its anchor (&) above, or quotation marks around it"
                )
            }
            put(node)
        }
    }

    @discardableResult
    private mutating func add(_ content: Content, of event: YAMLEvent) throws(YAMLSyntaxError) -> Int {
        if documents > 1 {
            // A line of three dashes at the end begins a document that holds nothing.
            if case .scalar("", isPlain: true) = content { return 0 }
            throw YAMLSyntaxError(line: event.line, reason: "a second document begins; expected one in a file")
        }
        if open.count == Self.deepest {
            throw YAMLSyntaxError(
                line: event.line,
                reason: "lists and mappings nest over \(Self.deepest) levels deep; expected 3 at most"
            )
        }
        let node = nodes.count
        nodes.append(Node(line: event.line, tag: event.tag, content: content))
        if let name = event.anchor { anchors[name] = node }
        put(node)
        return node
    }

    /// Hangs a node into the innermost collection.
    private mutating func put(_ node: Int) {
        if let parent = open.last { nodes[parent].children.append(node) } else { root = node }
    }
}
