/// What is wrong in a configuration file, or worth a word, and what would be right. It tells no password, hash or key.
package struct Problem: Error, Equatable, Sendable {
    /// Where it stands.
    package let place: Place
    /// What is wrong, and what would be right.
    package let reason: String

    /// A problem at a place.
    package init(place: Place, reason: String) {
        self.place = place
        self.reason = reason
    }
}

extension Problem: CustomStringConvertible {
    /// File, line, key and reason, as `web.yml:3: tls_server_config.cert_fil: unknown key; …`: one line always.
    package var description: String {
        let position = "\(place.file):\(place.line): " + (place.key.isEmpty ? "" : "\(place.key): ")
        return (position + reason).onOneLine
    }
}
