/// Where in a configuration file something stands.
package struct Place: Equatable, Sendable {
    /// The path of the file, as it was given.
    package let file: String
    /// The line, counted from 1.
    package let line: Int
    /// The key with all keys above it, as `tls_server_config.cert_file` or `tls_server_config.cipher_suites[0]`; empty
    /// for the document as a whole.
    package let key: String

    /// A place of a file.
    package init(file: String, line: Int, key: String) {
        self.file = file
        self.line = line
        self.key = key
    }

    /// The place of a key below this one.
    func below(_ name: String, line: Int) -> Place {
        Place(file: file, line: line, key: key.isEmpty ? name : "\(key).\(name)")
    }

    /// The place of an item of the list that stands here.
    func item(_ index: Int, line: Int) -> Place {
        Place(file: file, line: line, key: "\(key)[\(index)]")
    }
}
