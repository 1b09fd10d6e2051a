extension WebConfiguration {
    /// How TLS is to be served.
    package struct TLS: Equatable, Sendable {
        /// The certificate, perhaps with those that vouch for it.
        package var certificate: Material
        /// The key of the certificate.
        package var key: Material
        /// Who vouches for clients; nil where the file names nobody.
        package var clientCA: Material?
        /// Whether clients have to show a certificate.
        package var clientAuthentication: ClientAuthentication
        /// Where that is said; the section as a whole where it is not.
        package var clientAuthenticationPlace: Place
        /// One of these names must be in a client's certificate: of none where the list is empty, of any where it is nil.
        package var allowedNames: [String]?
        /// The oldest version that is spoken; not above the newest.
        package var minimumVersion: TLSVersion
        /// The newest version that is spoken.
        package var maximumVersion: TLSVersion
        /// The cipher suites in order of preference; empty for the default.
        package var cipherSuites: [CipherSuite]
        /// The curves in order of preference; empty for the default.
        package var curves: [Curve]
        /// Whether the server's order of cipher suites decides, not the client's.
        package var prefersServerCiphers: Bool
        /// Where `tls_server_config` stands.
        package var place: Place
    }

    /// A certificate or a key in PEM.
    package struct Material: Equatable, Sendable {
        /// Where its bytes are.
        package enum Source: Equatable, Sendable {
            /// In the configuration file.
            case inline([UInt8])
            /// In the file of this path; a relative one is joined with the directory of the configuration file.
            case file(String)
        }

        /// Where its bytes are.
        package var source: Source
        /// Where the configuration file says so.
        package var place: Place

        /// A certificate or a key.
        package init(source: Source, place: Place) {
            self.source = source
            self.place = place
        }
    }
}
