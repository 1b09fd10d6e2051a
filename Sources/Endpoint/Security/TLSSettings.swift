import CGnuTLS
import WebConfiguration

/// The settings of TLS sessions: GnuTLS's objects for one state of the configuration and its
/// files.
///
/// libmicrohttpd takes one certificate, one list of ciphers and one authority for the life of a
/// daemon, and only asks for client certificates. So each session is given these objects when its
/// connection begins, before the handshake: a new certificate needs no new daemon.
@safe
final class TLSSettings: @unchecked Sendable {
    // Sendable because GnuTLS changes neither after they are made, and counts the sessions that use
    // the priorities.

    private let configuration: WebConfiguration.TLS
    private let credentials: gnutls_certificate_credentials_t
    private let priorities: gnutls_priority_t
    /// For TLS 1.2 and before, where it allows other ciphers.
    private let olderPriorities: gnutls_priority_t?
    /// The CPU time that a handshake takes, by the key more than by anything else.
    private(set) var handshakeCost = Duration.zero

    /// - Throws: which of the files or texts GnuTLS does not take, and why.
    init(_ configuration: WebConfiguration.TLS, _ files: TLSFiles) throws(Problem) {
        let kind = try configuration.key.kind(ofKey: files.key)
        try configuration.certificate.check(files.certificate)
        guard let texts = configuration.priorityTexts(for: kind) else {
            let reason = "none of the cipher_suites is for a certificate with a key of \(kind.rawValue), as this one"
            let advice = "expected one with ECDHE_\(kind.rawValue) in its name"
            throw Problem(place: configuration.place, reason: "\(reason); \(advice)")
        }
        self.configuration = configuration
        unsafe priorities = try Self.priorities(texts.first, at: configuration.place)
        unsafe olderPriorities = try texts.older.map { text throws(Problem) in
            try unsafe Self.priorities(text, at: configuration.place)
        }
        unsafe credentials = emptyCredentials()
        // From here on deinit frees them whatever is thrown.
        try useCertificate(of: files)
        try trustAuthorities(files.clientCA)
        // The second one: the first includes work that is done only once.
        var (code, cost) = (CInt(0), Duration.zero)
        for _ in 1...2 where code == 0 {
            cost = .zero
            code = unsafe TrialHandshake.run(priorities, credentials, cost: &cost)
        }
        handshakeCost = cost
        guard code == 0 else {
            let reason = "is a certificate with which no TLS handshake succeeds: \(gnutlsText(code))"
            throw configuration.certificate.problem(reason)
        }
        // Not before: the trial's client shows no certificate.
        unsafe gnutls_certificate_set_verify_function(credentials, clientCertificateCame)
    }

    deinit {
        unsafe gnutls_certificate_free_credentials(credentials)
        unsafe gnutls_priority_deinit(priorities)
        if let olderPriorities = unsafe olderPriorities { unsafe gnutls_priority_deinit(olderPriorities) }
    }

    /// Gives a session these settings, before its handshake. They have to live as long as it does.
    func apply(to session: OpaquePointer) {
        // None of these fails with objects that are whole.
        unsafe gnutls_priority_set(session, priorities)
        unsafe gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(credentials))
        if configuration.clientAuthentication != .none {
            // Only asked for: whether there has to be one is decided where it is verified, which
            // can tell the client.
            unsafe gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST)
        }
        if unsafe olderPriorities != nil {
            unsafe gnutls_handshake_set_post_client_hello_function(session, clientHelloCame)
        }
        // For each type of message, which is GNUTLS_HANDSHAKE_ANY.
        unsafe gnutls_handshake_set_hook_function(session, .max, GNUTLS_HOOK_BOTH, handshakeMessagePasses)
    }

    /// Chooses the ciphers of a session whose version is known by now.
    ///
    /// - Returns: 0, or an error of GnuTLS, which ends the handshake.
    fileprivate func chooseCiphers(of session: OpaquePointer) -> CInt {
        let isOlder = unsafe gnutls_protocol_get_version(session).rawValue < GNUTLS_TLS1_3.rawValue
        guard isOlder, let olderPriorities = unsafe olderPriorities else { return 0 }
        return unsafe gnutls_priority_set(session, olderPriorities)
    }

    /// Checks the client's certificate, or its absence, and sends an alert where it is not
    /// accepted.
    ///
    /// - Returns: why it is not; nil where it is.
    fileprivate func judgeClient(of session: OpaquePointer) -> String? {
        guard let (alert, reason) = unsafe configuration.refusal(ofClientOf: session) else { return nil }
        // Where it does not go out at once the client sees the connection end all the same.
        unsafe gnutls_alert_send(session, GNUTLS_AL_FATAL, alert)
        return reason
    }

    private func useCertificate(of files: TLSFiles) throws(Problem) {
        let code = unsafe withDatum(files.certificate) { certificate in
            unsafe withDatum(files.key) { key in
                unsafe gnutls_certificate_set_x509_key_mem2(credentials, certificate, key, GNUTLS_X509_FMT_PEM, nil, 0)
            }
        }
        if code == GNUTLS_E_CERTIFICATE_KEY_MISMATCH {
            throw configuration.key.problem("is not the key of the certificate")
        }
        if code < 0 {
            throw configuration.certificate.problem("cannot be used with the key: \(gnutlsText(code))")
        }
    }

    /// Loads the authorities that have to sign client certificates; as in Go, the system's where
    /// the configuration names none.
    private func trustAuthorities(_ files: [UInt8]?) throws(Problem) {
        guard [.verifyIfGiven, .requireAndVerify].contains(configuration.clientAuthentication) else { return }
        if let files, let source = configuration.clientCA {
            let count = unsafe withDatum(files) {
                unsafe gnutls_certificate_set_x509_trust_mem(credentials, $0, GNUTLS_X509_FMT_PEM)
            }
            guard count > 0 else { throw source.problem(lacks: "certificate", "CERTIFICATE", count) }
        } else if unsafe gnutls_certificate_set_x509_system_trust(credentials) <= 0 {
            let reason = "no client_ca_file, and this system trusts no authority either; expected a client_ca_file"
            throw Problem(place: configuration.clientAuthenticationPlace, reason: reason)
        }
    }

    private static func priorities(_ text: String, at place: Place) throws(Problem) -> gnutls_priority_t {
        var priorities: gnutls_priority_t?
        let code = unsafe gnutls_priority_init(&priorities, text, nil)
        guard code == 0, let made = unsafe priorities else {
            throw Problem(place: place, reason: "GnuTLS does not take \(text): \(gnutlsText(code))")
        }
        return unsafe made
    }
}

// The functions that GnuTLS calls in the middle of a handshake, on the daemon's thread. They stand
// outside of types for the reason given in Daemon.swift.

/// The connection of a session, which libmicrohttpd notes in it, and the connections that it
/// belongs to.
private func connection(of session: OpaquePointer?) -> (Connections, CInt)? {
    guard let session = unsafe session, let handle = unsafe gnutls_session_get_ptr(session),
        let connection = unsafe Connection(OpaquePointer(handle)), let connections = connection.owner
    else { return nil }
    return (connections, connection.descriptor)
}

/// A gnutls_handshake_post_client_hello_func.
private func clientHelloCame(session: OpaquePointer?) -> CInt {
    guard let (connections, descriptor) = unsafe connection(of: session), let session = unsafe session,
        let tls = connections[descriptor]?.tls
    else { return GNUTLS_E_INTERNAL_ERROR }
    return unsafe tls.chooseCiphers(of: session)
}

/// A gnutls_certificate_verify_function, called after the client has shown a certificate, or none.
private func clientCertificateCame(session: OpaquePointer?) -> CInt {
    guard let (connections, descriptor) = unsafe connection(of: session), let session = unsafe session,
        let tls = connections[descriptor]?.tls
    else { return GNUTLS_E_INTERNAL_ERROR }
    guard let refusal = unsafe tls.judgeClient(of: session) else { return 0 }
    connections.change(descriptor) { $0.advance(to: .refused(refusal)) }
    return GNUTLS_E_CERTIFICATE_ERROR
}

/// A gnutls_handshake_hook_func, called before and after each message of a handshake that comes or
/// goes out.
private func handshakeMessagePasses(
    session: OpaquePointer?,
    type: CUnsignedInt,
    when: CUnsignedInt,
    isIncoming: CUnsignedInt,
    message: UnsafePointer<gnutls_datum_t>?
) -> CInt {
    guard let (connections, descriptor) = unsafe connection(of: session) else { return 0 }
    connections.change(descriptor) { entry in
        switch (type, isIncoming) {
        case (GNUTLS_HANDSHAKE_CLIENT_HELLO.rawValue, 1): entry.advance(to: .helloReceived)
        case (GNUTLS_HANDSHAKE_FINISHED.rawValue, 1): entry.advance(to: .complete)
        case (_, 0): entry.advance(to: .answered)
        default: break
        }
    }
    return 0
}

enum KeyKind: String {
    case rsa = "RSA"
    case elliptic = "ECDSA"
}

extension WebConfiguration.TLS {
    /// What GnuTLS calls priority strings: which versions, cipher suites and curves a handshake may
    /// end with.
    ///
    /// GnuTLS chooses from parts, not from suites: a list of suites allows every combination of
    /// their parts. Of a server with one key there are only the suites of that key's kind left, and
    /// among these each cipher has one MAC and one way to exchange keys, so that parts and suites
    /// say the same. Go has only suites with ECDHE in its list.
    ///
    /// - Returns: the text for a handshake whose version is not known yet, and the one for TLS 1.2
    ///   and before where the list of suites allows less: TLS 1.3 has suites of its own, which Go
    ///   leaves on, too. nil where no suite of the list is one of this key, and TLS 1.3 is off.
    func priorityTexts(for key: KeyKind) -> (first: String, older: String?)? {
        let versions = WebConfiguration.TLSVersion.allCases.reversed().filter { minimumVersion...maximumVersion ~= $0 }
        let ciphers = cipherSuites.compactMap { $0.cipher(for: key) }
        let ownVersions = cipherSuites.isEmpty || !ciphers.isEmpty ? versions : versions.filter { $0 == .tls13 }
        if ownVersions.isEmpty { return nil }
        // Without key exchanges that lack forward secrecy.
        let ordinary = ["NORMAL", "-VERS-ALL"] + ownVersions.map(\.priority) + ["-RSA", "-DHE-RSA"]
        guard !ciphers.isEmpty, minimumVersion < .tls13 else { return (assembled(ordinary), nil) }
        let older = assembled(
            ["NONE"] + versions.filter { $0 != .tls13 }.map(\.priority) + ["+ECDHE-\(key.rawValue)"]
                + ciphers.map { "+" + $0 } + ["+AEAD", "+SHA1", "+SIGN-ALL", "+COMP-NULL"]
        )
        return maximumVersion < .tls13 ? (older, nil) : (assembled(ordinary), older)
    }

    private func assembled(_ parts: [String]) -> String {
        // Named one by one: GnuTLS would offer finite fields too, with which one ClientHello costs
        // 0.4 s (ffdhe8192).
        let curves = curves.isEmpty ? [.x25519, .curveP256, .curveP384, .curveP521] : curves
        let groups = curves.map { "+GROUP-" + ($0 == .x25519 ? "X25519" : "SECP\($0.rawValue.suffix(3))R1") }
        let order = prefersServerCiphers ? ["%SERVER_PRECEDENCE"] : []
        return (parts + ["-GROUP-ALL"] + groups + order).joined(separator: ":")
    }
}

extension WebConfiguration.TLSVersion {
    /// As in `+VERS-TLS1.2`.
    fileprivate var priority: String { "+VERS-TLS1.\(rawValue.suffix(1))" }
}

extension WebConfiguration.CipherSuite {
    /// GnuTLS's name of the cipher, such as `AES-128-GCM`; nil in a suite of TLS 1.3 or for another
    /// kind of key.
    fileprivate func cipher(for key: KeyKind) -> String? {
        let beginning = "TLS_ECDHE_\(key.rawValue)_WITH_"
        guard rawValue.hasPrefix(beginning) else { return nil }
        return rawValue.dropFirst(beginning.count).split(separator: "_").dropLast().joined(separator: "-")
    }
}
