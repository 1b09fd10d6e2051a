/// The words of a command, taken from left to right.
struct Words {
    /// What has not been taken yet.
    private var rest: Substring

    /// The words of a line.
    init(_ line: String) {
        rest = line[...]
    }

    /// The next word, or nil at the end of the line.
    mutating func optional() -> String? {
        rest = rest.drop { $0 == " " }
        let word = rest.prefix { $0 != " " }
        rest = rest.dropFirst(word.count)
        return word.isEmpty ? nil : String(word)
    }

    /// The next word, which has to be there; `name` is what the failure calls it.
    mutating func next(_ name: String) throws(Failure) -> String {
        guard let word = optional() else { throw Failure("\(name) is missing") }
        return word
    }

    /// The next word as a number within bounds.
    mutating func number(_ name: String, _ bounds: ClosedRange<Int>) throws(Failure) -> Int {
        let word = try next(name)
        guard let number = Int(word), bounds.contains(number) else {
            throw Failure("\(name) has to be \(bounds.lowerBound) to \(bounds.upperBound), not \(word)")
        }
        return number
    }

    /// The next word as a count of sockets. More than the ports of one address cannot be had.
    mutating func count() throws(Failure) -> Int {
        try number("COUNT", 1...65535)
    }

    /// The next word as a port.
    mutating func port(_ bounds: ClosedRange<Int> = 1...65535) throws(Failure) -> UInt16 {
        UInt16(try number("PORT", bounds))
    }

    /// The next word as an address.
    mutating func address(_ name: String = "ADDRESS") throws(Failure) -> Address {
        let word = try next(name)
        guard let address = Address(word) else { throw Failure("\(name) has to be an IP address, not \(word)") }
        return address
    }

    /// The next word as who closes first.
    mutating func closer() throws(Failure) -> Closer {
        let word = try next("server-first or client-first")
        guard let closer = Closer(rawValue: word) else {
            throw Failure("server-first or client-first is wanted, not \(word)")
        }
        return closer
    }

    /// All that is left of the line.
    mutating func remainder() -> String {
        defer { rest = "" }
        return String(rest.drop { $0 == " " })
    }

    /// Fails if words are left.
    mutating func end() throws(Failure) {
        if let word = optional() { throw Failure("the word \(word) is not understood here") }
    }
}
