/// A value of the file, and where it stands. Every question names a kind; a value of another kind is a problem.
struct Value {
    let place: Place
    private let document: YAMLDocument
    private let node: YAMLDocument.Node

    /// The value of a node.
    init(_ node: Int, of document: YAMLDocument, at place: Place) {
        self.place = place
        self.document = document
        self.node = document.nodes[node]
    }

    /// Whether nothing is there, or one of YAML's words for it.
    var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = node.content, node.tag == nil else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }

    /// A string, or the text of a number, a date or a boolean.
    func text(expecting kind: String = "a string") throws(Problem) -> String {
        try scalar(kind).text
    }

    /// A scalar of another kind than a string: its text, which in quotation marks would be a string.
    func plainText(expecting kind: String) throws(Problem) -> String {
        let (text, isPlain) = try scalar(kind)
        guard isPlain else {
            throw problem("expected \(kind) without quotation marks, found the string \(text.quoted)")
        }
        return text
    }

    /// The items of a list.
    func items() throws(Problem) -> [Value] {
        guard case .sequence = node.content else { throw wrongKind("a list") }
        try refuseTag()
        return node.children.enumerated().map { index, child in
            Value(child, of: document, at: place.item(index, line: document.nodes[child].line))
        }
    }

    /// The keys of a mapping and their values, in the order of the file.
    func entries() throws(Problem) -> [(key: String, value: Value)] {
        guard case .mapping = node.content else { throw wrongKind("a mapping") }
        try refuseTag()
        var lines: [String: Int] = [:]
        var entries: [(key: String, value: Value)] = []
        for index in stride(from: 0, to: node.children.count, by: 2) {
            let key = try self.key(node.children[index])
            if let line = lines.updateValue(key.place.line, forKey: key.name) {
                throw Problem(place: key.place, reason: "the key stands in line \(line) already; expected it once")
            }
            entries.append((key.name, Value(node.children[index + 1], of: document, at: key.place)))
        }
        return entries
    }

    private func key(_ node: Int) throws(Problem) -> (name: String, place: Place) {
        let line = document.nodes[node].line
        let key = Value(node, of: document, at: Place(file: place.file, line: line, key: place.key))
        guard case .scalar(let name, let isPlain) = key.node.content else {
            throw key.problem("expected a string as a key, found \(key.kind)")
        }
        try key.refuseTag()
        let place = place.below(name.shownAsKey, line: line)
        if isPlain, name == "<<" {
            throw Problem(
                place: place,
                reason: "unknown key; keys are not merged here: expected each of them written out"
            )
        }
        return (name, place)
    }

    /// A problem with this value.
    func problem(_ reason: String) -> Problem { Problem(place: place, reason: reason) }

    private var kind: String {
        switch node.content {
        case .scalar: isNull ? "nothing" : "a string"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }

    private func wrongKind(_ expected: String) -> Problem { problem("expected \(expected), found \(kind)") }

    private func scalar(_ expected: String) throws(Problem) -> (text: String, isPlain: Bool) {
        guard case .scalar(let text, let isPlain) = node.content, !isNull else { throw wrongKind(expected) }
        try refuseTag()
        return (text, isPlain && node.tag == nil)
    }

    /// Tags convert a value to a type. The types are known here, and of strings a tag says nothing new.
    private func refuseTag() throws(Problem) {
        guard let tag = node.tag else { return }
        if case .scalar = node.content, ["!", "tag:yaml.org,2002:str"].contains(tag) { return }
        throw problem(
            "a tag (!) converts the value; expected the value without it, in quotation marks if it begins with !"
        )
    }
}
