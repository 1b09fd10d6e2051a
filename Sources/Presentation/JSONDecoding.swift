import Advice
import Model

/// A fact with its path in the text, which errors name.
struct Decoding {
    let fact: Fact
    private let path: String

    init(_ fact: Fact, _ path: String) {
        self.fact = fact
        self.path = path
    }

    func problem(_ name: String, _ text: String) -> Diagnosis.Unreadable {
        Diagnosis.Unreadable(description: "\(path.isEmpty ? name : name.isEmpty ? path : "\(path).\(name)"): \(text)")
    }

    func child(_ name: String) throws(Diagnosis.Unreadable) -> Decoding {
        guard let member = fact.member(name) else { throw problem(name, "it is missing") }
        return Decoding(member, path.isEmpty ? name : "\(path).\(name)")
    }

    func object(_ name: String) throws(Diagnosis.Unreadable) -> Decoding {
        let child = try child(name)
        guard case .object = child.fact else { throw problem(name, "expected an object") }
        return child
    }

    func members() throws(Diagnosis.Unreadable) -> [Fact.Member] {
        guard case .object(let members) = fact else { throw problem("", "expected an object") }
        return members
    }

    func text() throws(Diagnosis.Unreadable) -> String {
        guard case .text(let text) = fact else { throw problem("", "expected a text") }
        return text
    }

    func text(_ name: String) throws(Diagnosis.Unreadable) -> String { try child(name).text() }

    func optionalText(_ name: String) throws(Diagnosis.Unreadable) -> String? {
        let child = try child(name)
        return child.fact == .null ? nil : try child.text()
    }

    func optionalInt(_ name: String) throws(Diagnosis.Unreadable) -> Int? {
        switch try child(name).fact {
        case .null: return nil
        case .int(let number): return number
        default: throw problem(name, "expected a whole number")
        }
    }

    func int(_ name: String) throws(Diagnosis.Unreadable) -> Int {
        guard let number = try optionalInt(name) else { throw problem(name, "expected a whole number") }
        return number
    }

    func optionalPort(_ name: String) throws(Diagnosis.Unreadable) -> Port? {
        guard let number = try optionalInt(name) else { return nil }
        guard let port = Port(exactly: number) else { throw problem(name, "expected a port, 0 to 65535") }
        return port
    }

    func optionalDouble(_ name: String) throws(Diagnosis.Unreadable) -> Double? {
        switch try child(name).fact {
        case .null: return nil
        case .int(let number): return Double(number)
        case .double(let number): return number
        default: throw problem(name, "expected a number")
        }
    }

    func double(_ name: String) throws(Diagnosis.Unreadable) -> Double {
        guard let number = try optionalDouble(name) else { throw problem(name, "expected a number") }
        return number
    }

    func time(_ name: String) throws(Diagnosis.Unreadable) -> Double {
        guard let time = Wording.seconds(of: try text(name)) else {
            throw problem(name, "expected a time such as 2026-11-26T14:03:12Z")
        }
        return time
    }

    func check() throws(Diagnosis.Unreadable) -> Check {
        let text = try text()
        guard let check = Check(rawValue: text) else {
            throw problem(
                "",
                "'\(Wording.name(text))' is not known to this program; use that of the exporter's version"
            )
        }
        return check
    }

    func list<Item>(
        _ name: String,
        _ item: (Decoding) throws(Diagnosis.Unreadable) -> Item
    ) throws(Diagnosis.Unreadable) -> [Item] {
        let child = try child(name)
        guard case .list(let facts) = child.fact else { throw problem(name, "expected a list") }
        var items: [Item] = []
        for (index, fact) in facts.enumerated() { items.append(try item(Decoding(fact, "\(child.path)[\(index)]"))) }
        return items
    }
}

extension Fact {
    /// The value of a member; nil if there is none, or if this is no object.
    func member(_ name: String) -> Fact? {
        guard case .object(let members) = self else { return nil }
        return members[name]
    }
}
