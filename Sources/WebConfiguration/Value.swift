/// A value of a document and its place. Each question expects one kind of value; another kind is a problem.
struct Value {
    let place: Place
    let document: YAMLDocument
    let node: YAMLDocument.Node

    init(_ index: Int, of document: YAMLDocument, key: String = "", line: Int? = nil) {
        self.document = document
        node = document.nodes[index]
        place = Place(file: document.file, line: line ?? node.line, key: key)
    }

    /// Whether the value is one of YAML's words for nothing.
    var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = node.content, node.tag == nil else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }

    func problem(_ reason: String) -> Problem { Problem(place: place, reason: reason) }

    func wrongKind(_ expected: String) -> Problem {
        switch node.content {
        case .scalar: problem("expected \(expected), found \(isNull ? "nothing" : "a string")")
        case .sequence: problem("expected \(expected), found a list")
        case .mapping: problem("expected \(expected), found a mapping")
        }
    }

    /// Tags convert a value to a type. The decoder knows every type, so it takes only the tag of a string.
    private func refuseTag() throws(Problem) {
        guard let tag = node.tag else { return }
        if case .scalar = node.content, ["!", "tag:yaml.org,2002:str"].contains(tag) { return }
        throw problem(
            "a tag (!) converts the value; expected the value without it, in quotation marks if it begins with !"
        )
    }

    /// A string, or the text of a number, a date or a boolean.
    func text(expecting kind: String = "a string") throws(Problem) -> String {
        guard case .scalar(let text, _) = node.content, !isNull else { throw wrongKind(kind) }
        try refuseTag()
        return text
    }

    /// The text of a scalar that is not a string, such as a number.
    func plainText(expecting kind: String) throws(Problem) -> String {
        let text = try text(expecting: kind)
        guard case .scalar(_, isPlain: true) = node.content, node.tag == nil else {
            throw problem("expected \(kind) without quotation marks, found the string \(text.quoted)")
        }
        return text
    }

    /// The items of a list.
    func items() throws(Problem) -> [Value] {
        guard node.content == .sequence else { throw wrongKind("a list") }
        try refuseTag()
        return node.children.enumerated().map { Value($1, of: document, key: "\(place.key)[\($0)]") }
    }

    /// The keys and values of a mapping, in the order of the file. Merge keys (`<<`) are resolved as in yaml.v2: what
    /// comes later replaces what came before, wherever `<<` stands, and of several mappings the first counts.
    ///
    /// - Parameter overrides: whether a key may replace a merged one. A mapping never replaces another: that would drop
    ///   what the replaced one says, such as the policy for clients, where yaml.v2 unites them.
    func entries(overrides: Bool) throws(Problem) -> [(key: String, value: Value)] {
        var budget = 1_000
        return try entries(overrides, &budget).map { ($0.key, $0.value) }
    }

    private typealias Entry = (key: String, value: Value, isMerged: Bool)

    /// - Parameter budget: how many mappings and keys may still be merged. It ends a mapping that merges itself.
    private func entries(_ overrides: Bool, _ budget: inout Int) throws(Problem) -> [Entry] {
        guard node.content == .mapping else { throw wrongKind("a mapping") }
        try refuseTag()
        var entries: [Entry] = []
        var indexes: [String: Int] = [:]
        func add(_ new: Entry) throws(Problem) {
            guard let index = indexes[new.key] else {
                indexes[new.key] = entries.count
                return entries.append(new)
            }
            let old = entries[index]
            let line = old.value.place.line
            guard old.isMerged || new.isMerged else {
                throw new.value.problem("the key stands in line \(line) already; expected it once")
            }
            guard overrides, old.value.node.content != .mapping, new.value.node.content != .mapping else {
                throw new.value.problem("a merge (<<) has the key in line \(line), too; expected it once")
            }
            entries[index] = new
        }
        for index in stride(from: 0, to: node.children.count, by: 2) {
            let (name, value) = try entry(at: index)
            guard name == nil else {
                try add((name ?? "", value, false))
                continue
            }
            let isList = value.node.content == .sequence
            for source in isList ? try value.items().reversed() : [value] {
                guard source.node.content == .mapping else {
                    throw source.wrongKind("a mapping or a list of mappings to merge")
                }
                budget -= 1
                // The keys belong to this mapping, wherever they stand.
                let merged = Value(source.node, of: document, at: place)
                for entry in budget > 0 ? try merged.entries(overrides, &budget) : [] {
                    budget -= 1
                    try add((entry.key, entry.value, true))
                }
                if budget <= 0 { throw value.problem("over 1000 keys are merged (<<); expected fewer") }
            }
        }
        return entries
    }

    /// A key, nil for a merge key, and its value.
    private func entry(at index: Int) throws(Problem) -> (name: String?, value: Value) {
        let key = Value(node.children[index], of: document, key: place.key)
        guard case .scalar(let name, let isPlain) = key.node.content else { throw key.wrongKind("a string as a key") }
        try key.refuseTag()
        let path = place.key.isEmpty ? name.shownAsKey : "\(place.key).\(name.shownAsKey)"
        let value = Value(node.children[index + 1], of: document, key: path, line: key.node.line)
        return (isPlain && key.node.tag == nil && name == "<<" ? nil : name, value)
    }

    private init(_ node: YAMLDocument.Node, of document: YAMLDocument, at place: Place) {
        (self.node, self.document, self.place) = (node, document, place)
    }
}

/// A mapping whose keys are known.
struct Section {
    /// The keys and values in the order of the file.
    let entries: [(key: String, value: Value)]

    init(_ value: Value, keys: [String], overrides: Bool = true) throws(Problem) {
        entries = try value.entries(overrides: overrides)
        for (key, value) in entries where !keys.contains(key) {
            throw value.problem("unknown key; expected one of \(keys.joined(separator: ", "))")
        }
    }

    /// The value of a key; nil where the key is absent or null.
    subscript(key: String) -> Value? { entries.first { $0.key == key && !$0.value.isNull }?.value }

    /// A text and its value; nil where the key is absent, null or the text empty, which all mean the same.
    func nonEmptyText(_ key: String) throws(Problem) -> (text: String, value: Value)? {
        guard let value = self[key] else { return nil }
        let text = try value.text()
        return text.isEmpty ? nil : (text, value)
    }

    /// The value of a key that is there and says nothing.
    func blank(_ key: String) throws(Problem) -> Value? {
        guard let value = entries.first(where: { $0.key == key })?.value else { return nil }
        if case .scalar("", _) = value.node.content { return value }
        return value.isNull ? value : nil
    }
}

/// An enum of the words of a file.
typealias Word = CaseIterable & RawRepresentable<String>

extension Value {
    /// One of several words, spelled as in the enum.
    func choice<Choice: Word>(_ what: String) throws(Problem) -> Choice {
        let text = try text()
        guard let choice = Choice(rawValue: text) else {
            let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw problem("unknown \(what) \(text.quoted); expected one of \(known)")
        }
        return choice
    }

    func choices<Choice: Word>(_ what: String) throws(Problem) -> [Choice] {
        try items().map { item throws(Problem) in try item.choice(what) }
    }

    /// A boolean in one of YAML 1.1's words.
    func boolean() throws(Problem) -> Bool {
        let text = try plainText(expecting: "true or false")
        switch text {
        case "true", "True", "TRUE", "yes", "Yes", "YES", "y", "Y", "on", "On", "ON": return true
        case "false", "False", "FALSE", "no", "No", "NO", "n", "N", "off", "Off", "OFF": return false
        default: throw problem("expected true or false, found \(text.quoted)")
        }
    }

    /// A whole number from 0 on.
    func count() throws(Problem) -> Int {
        let text = try plainText(expecting: "a whole number")
        // YAML 1.1 reads 010 as 8; people read it as 10.
        let hasLeadingZero = text.utf8.count > 1 && text.hasPrefix("0")
        guard text.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains), !hasLeadingZero else {
            throw problem("expected a whole number from 0 on in decimal digits, found \(text.quoted)")
        }
        guard let number = Int(text) else { throw problem("expected at most \(Int.max), found \(text.quoted)") }
        return number
    }
}
