/// How an exporter is asked: what it wants to see, and how long it may take.
package struct Access: Sendable {
    /// The user whom it knows, and the password; nil for none.
    package var user: (name: String, password: String)?
    /// A file of certificates in PEM; one of these authorities has to stand for the exporter. nil: those of the system.
    package var authorities: String?
    /// A file with the client's own certificate in PEM, and with its key where `key` is nil.
    package var certificate: String?
    /// A file with the key of the certificate in PEM.
    package var key: String?
    /// Whether any certificate of the exporter will do.
    package var isInsecure = false
    /// How long it may take until there is a connection, over TLS until the handshake is over.
    package var connectTimeout = Duration.seconds(5)
    /// How long it may take in all.
    package var timeout = Duration.seconds(30)

    /// Nothing to show, and the usual times.
    package init() {}
}
