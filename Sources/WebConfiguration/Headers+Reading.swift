extension WebConfiguration.Header {
    /// The headers that may be set, and the values of those that have few.
    private static let values: KeyValuePairs<String, [String]> = [
        "Content-Security-Policy": [],
        "X-Frame-Options": ["deny", "sameorigin"],
        "X-Content-Type-Options": ["nosniff"],
        "X-XSS-Protection": [],
        "Strict-Transport-Security": [],
    ]

    /// Reads `http_server_config`.
    static func read(_ value: Value, _ warnings: inout [Problem]) throws(Problem) -> [Self] {
        let section = try Section(value, keys: ["http2", "headers"])
        if let http2 = section["http2"], try http2.boolean() {
            warnings.append(http2.problem("HTTP/2 is not spoken here; clients are served with HTTP/1.1"))
        }
        guard let headers = section["headers"] else { return [] }
        var read: [Self] = []
        for (name, value) in try Section(headers, keys: values.map(\.key)).entries {
            if let header = try Self(name, value) { read.append(header) }
        }
        return read
    }

    /// Nil where the value is blank, which leaves the header away.
    private init?(_ name: String, _ value: Value) throws(Problem) {
        let text = try value.text()
        if text.allSatisfy({ $0 == " " }) { return nil }
        if text.hasControlCharacters {
            throw value.problem(
                "a line break or another control character is in the value; expected one line (>- joins lines)"
            )
        }
        if let allowed = Self.values.first(where: { $0.key == name })?.value, !allowed.isEmpty, !allowed.contains(text)
        {
            throw value.problem("expected \(allowed.joined(separator: " or ")), found \(text.quoted)")
        }
        self.init(name: name, value: text)
    }
}
