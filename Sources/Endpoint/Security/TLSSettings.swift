import CGnuTLS
import Glibc
import WebConfiguration

/// How TLS sessions are to be made: GnuTLS's objects for one state of the configuration and its files.
///
/// libmicrohttpd takes one certificate, one list of ciphers and one authority for the life of a daemon, and only asks for
/// client certificates. So each session is given these objects when its connection begins, before the handshake: a new
/// certificate needs no new daemon.
@safe
final class TLSSettings: @unchecked Sendable {
    // Sendable because GnuTLS changes neither after they are made, and counts the sessions that use the priorities.

    let material: TLSMaterial
    private let configuration: WebConfiguration.TLS
    private let credentials: gnutls_certificate_credentials_t
    private let priorities: gnutls_priority_t
    /// For TLS 1.2 and before, where it allows other ciphers.
    private let olderPriorities: gnutls_priority_t?
    /// Whether such a session cannot be made at all, because no cipher suite fits.
    private let refusesOlderVersions: Bool

    /// Makes the objects.
    ///
    /// - Throws: which of the files or texts GnuTLS does not take, and why.
    init(_ configuration: WebConfiguration.TLS, _ material: TLSMaterial) throws(Problem) {
        let key = try PEM.keyKind(material.key, of: configuration.key)
        try PEM.checkCertificate(material.certificate, of: configuration.certificate)
        let text = PriorityText(tls: configuration, key: key)
        let older = configuration.cipherSuites.isEmpty ? nil : text.forOlderVersions
        if configuration.maximumVersion < .tls13, !configuration.cipherSuites.isEmpty, older == nil {
            let kind = key == .rsa ? "RSA" : "ECDSA"
            throw Problem(
                place: configuration.place,
                reason: "none of the cipher_suites is for a certificate with a key of \(kind), as this one; "
                    + "expected one with ECDHE_\(kind) in its name"
            )
        }
        self.material = material
        self.configuration = configuration
        refusesOlderVersions = !configuration.cipherSuites.isEmpty && older == nil
        unsafe credentials = try Self.credentials(configuration, material)
        unsafe priorities = try Self.priorities(text.forAnyVersion, at: configuration.place)
        if let older {
            unsafe olderPriorities = try Self.priorities(older, at: configuration.place)
        } else {
            unsafe olderPriorities = nil
        }
        try tryHandshake(with: configuration.certificate)
        // Not before: the trial's client shows no certificate.
        unsafe gnutls_certificate_set_verify_function(credentials, clientCertificateCame)
    }

    deinit {
        unsafe gnutls_certificate_free_credentials(credentials)
        unsafe gnutls_priority_deinit(priorities)
        if let olderPriorities = unsafe olderPriorities { unsafe gnutls_priority_deinit(olderPriorities) }
    }

    /// Whether a configuration and what its files hold make the same settings.
    func isMade(of configuration: WebConfiguration.TLS, _ material: TLSMaterial) -> Bool {
        self.configuration == configuration && self.material == material
    }

    /// Gives a session these settings, before its handshake. They have to live as long as it does.
    func apply(to session: OpaquePointer) {
        // None of these fails with objects that are whole.
        unsafe gnutls_priority_set(session, priorities)
        unsafe gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(credentials))
        if configuration.clientAuthentication != .none {
            // Only asked for: whether there has to be one is decided where it is verified, which can tell the client.
            unsafe gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST)
        }
        if !configuration.cipherSuites.isEmpty {
            unsafe gnutls_handshake_set_post_client_hello_function(session, clientHelloCame)
        }
        // For each type of message, which is GNUTLS_HANDSHAKE_ANY.
        unsafe gnutls_handshake_set_hook_function(session, .max, GNUTLS_HOOK_BOTH, handshakeMessagePasses)
    }

    /// Lets a client of GnuTLS shake hands in memory with a session that has these settings.
    ///
    /// - Throws: that it fails.
    private func tryHandshake(with certificate: WebConfiguration.Material) throws(Problem) {
        let code = unsafe TrialHandshake.run(priorities, credentials)
        guard code != 0 else { return }
        throw certificate.problem("is a certificate with which no TLS handshake succeeds: \(PEM.text(of: code))")
    }

    /// Chooses the ciphers of a session whose version is known by now.
    ///
    /// - Returns: 0, or an error of GnuTLS, which ends the handshake.
    func chooseCiphers(of session: OpaquePointer) -> CInt {
        let version = unsafe gnutls_protocol_get_version(session)
        guard version.rawValue < GNUTLS_TLS1_3.rawValue else { return 0 }
        if refusesOlderVersions { return GNUTLS_E_NO_CIPHER_SUITES }
        guard let olderPriorities = unsafe olderPriorities else { return 0 }
        return unsafe gnutls_priority_set(session, olderPriorities)
    }

    /// Judges the client's certificate, or that there is none, and tells the client where it is not accepted.
    ///
    /// - Returns: why it is not; nil where it is.
    func judgeClient(of session: OpaquePointer) -> String? {
        let certificate = unsafe ClientCertificate(of: session)
        guard let (alert, reason) = certificate.refusal(by: configuration) else { return nil }
        // Where it does not go out at once the client sees the connection end all the same.
        unsafe gnutls_alert_send(session, GNUTLS_AL_FATAL, alert)
        return reason
    }

    private static func credentials(
        _ configuration: WebConfiguration.TLS,
        _ material: TLSMaterial
    ) throws(Problem) -> gnutls_certificate_credentials_t {
        var allocated: gnutls_certificate_credentials_t?
        guard unsafe gnutls_certificate_allocate_credentials(&allocated) == 0, let made = unsafe allocated else {
            fatalError("out of memory")
        }
        do throws(Problem) {
            let code = unsafe PEM.withDatum(material.certificate) { certificate in
                unsafe PEM.withDatum(material.key) { key in
                    unsafe gnutls_certificate_set_x509_key_mem2(made, certificate, key, GNUTLS_X509_FMT_PEM, nil, 0)
                }
            }
            if code == GNUTLS_E_CERTIFICATE_KEY_MISMATCH {
                throw configuration.key.problem("is not the key of the certificate")
            }
            guard code >= 0 else {
                throw configuration.certificate.problem("cannot be used with the key: \(PEM.text(of: code))")
            }
            try unsafe trustAuthorities(of: made, configuration, material)
        } catch {
            unsafe gnutls_certificate_free_credentials(made)
            throw error
        }
        return unsafe made
    }

    /// Whom the certificates of clients are to be vouched for by; as in Go, whom the system trusts where that is not
    /// said.
    private static func trustAuthorities(
        of credentials: gnutls_certificate_credentials_t,
        _ configuration: WebConfiguration.TLS,
        _ material: TLSMaterial
    ) throws(Problem) {
        switch configuration.clientAuthentication {
        case .none, .request, .requireAny: return
        case .verifyIfGiven, .requireAndVerify: break
        }
        guard let authority = material.clientCA, let source = configuration.clientCA else {
            guard unsafe gnutls_certificate_set_x509_system_trust(credentials) > 0 else {
                throw Problem(
                    place: configuration.clientAuthenticationPlace,
                    reason: "no client_ca_file, and this system trusts no authority either; expected a client_ca_file"
                )
            }
            return
        }
        let count = unsafe PEM.withDatum(authority) {
            unsafe gnutls_certificate_set_x509_trust_mem(credentials, $0, GNUTLS_X509_FMT_PEM)
        }
        guard count > 0 else { throw source.problem(lacks: "certificate", "CERTIFICATE", count) }
    }

    private static func priorities(_ text: String, at place: Place) throws(Problem) -> gnutls_priority_t {
        var priorities: gnutls_priority_t?
        let code = unsafe gnutls_priority_init(&priorities, text, nil)
        guard code == 0, let made = unsafe priorities else {
            throw Problem(place: place, reason: "GnuTLS does not take \(text): \(PEM.text(of: code))")
        }
        return unsafe made
    }
}
