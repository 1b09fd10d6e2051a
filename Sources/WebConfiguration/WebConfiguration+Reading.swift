extension WebConfiguration {
    /// No file of this kind comes close; a larger one is another file.
    private static let largest = 1 << 20

    /// Reads the text of a file.
    ///
    /// - Parameter path: what messages call the file; names of files in the text are relative to its directory.
    /// - Throws: the first thing that is wrong.
    package init(path: String, text: [UInt8]) throws(Problem) {
        let whole = Place(file: path, line: 1, key: "")
        let document = try Self.document(of: text, at: whole)
        guard let root = document.root.map({ Value($0, of: document, at: whole) }), !root.isNull else { return }
        let file = try Section(
            root,
            keys: ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"]
        )
        if let value = file["tls_server_config"] { tls = try TLS(value, &warnings) }
        if let value = file["http_server_config"] { headers = try Header.read(value, &warnings) }
        if let value = file["basic_auth_users"] { users = try Self.users(value) }
        if let value = file["rate_limit"] { rateLimit = try RateLimit(value, &warnings) }
    }

    private static func document(of text: [UInt8], at place: Place) throws(Problem) -> YAMLDocument {
        guard text.count <= largest else {
            throw Problem(place: place, reason: "the file has \(text.count) bytes; expected at most \(largest)")
        }
        do throws(YAMLSyntaxError) {
            try text.refuseOtherThanUTF8()
            return try YAMLDocument(text)
        } catch {
            throw Problem(place: Place(file: place.file, line: error.line, key: ""), reason: error.reason)
        }
    }
}
