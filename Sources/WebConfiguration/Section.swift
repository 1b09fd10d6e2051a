/// A mapping of the file whose keys are known.
struct Section {
    let place: Place
    /// The keys and values in the order of the file; what is null counts as absent.
    let entries: [(key: String, value: Value)]

    /// Reads a mapping that may have these keys and no others.
    init(_ value: Value, keys: [String]) throws(Problem) {
        place = value.place
        let entries = try value.entries()
        for (key, value) in entries where !keys.contains(key) {
            throw value.problem("unknown key; expected one of \(keys.joined(separator: ", "))")
        }
        self.entries = entries.filter { !$0.value.isNull }
    }

    /// The value of a key; nil where the key is absent.
    subscript(key: String) -> Value? { entries.first { $0.key == key }?.value }

    /// A text and the value that it is from; nil where the key is absent or, which means the same, the text empty.
    func nonEmptyText(_ key: String) throws(Problem) -> (text: String, value: Value)? {
        guard let value = self[key] else { return nil }
        let text = try value.text()
        return text.isEmpty ? nil : (text, value)
    }

    /// A list of texts, none of them empty; nil where the key is absent.
    func texts(_ key: String) throws(Problem) -> [String]? {
        guard let value = self[key] else { return nil }
        var texts: [String] = []
        for item in try value.items() {
            let text = try item.text()
            if text.isEmpty { throw item.problem("expected a string that is not empty") }
            texts.append(text)
        }
        return texts
    }

    /// One of several words; nil where the key is absent.
    func choice<Choice: Word>(_ key: String, what: String) throws(Problem) -> Choice? {
        try self[key]?.choice(what: what)
    }

    /// A list of words; empty where the key is absent.
    func choices<Choice: Word>(_ key: String, what: String) throws(Problem) -> [Choice] {
        var choices: [Choice] = []
        for item in try self[key]?.items() ?? [] { choices.append(try item.choice(what: what)) }
        return choices
    }
}
