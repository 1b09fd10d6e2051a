import CGnuTLS
import CMicrohttpd

// The functions that GnuTLS calls in the middle of a handshake, on the daemon's thread. They stand outside of types for
// the reason told in AccessHandler.swift.

/// The settings of a session, and the session. libmicrohttpd notes its own connection in each.
private func settings(of session: OpaquePointer?) -> (TLSSettings, OpaquePointer)? {
    guard let session = unsafe session, let handle = unsafe gnutls_session_get_ptr(session),
        let connection = unsafe Connection(OpaquePointer(handle)), let tls = connection.record?.tls
    else { return nil }
    return unsafe (tls, session)
}

/// A gnutls_handshake_post_client_hello_func.
func clientHelloCame(session: OpaquePointer?) -> CInt {
    guard let (tls, session) = unsafe settings(of: session) else { return GNUTLS_E_INTERNAL_ERROR }
    return unsafe tls.chooseCiphers(of: session)
}

/// A gnutls_certificate_verify_function, called after the client has shown a certificate, or none.
func clientCertificateCame(session: OpaquePointer?) -> CInt {
    guard let (tls, session) = unsafe settings(of: session) else { return GNUTLS_E_INTERNAL_ERROR }
    return unsafe tls.judgeClient(of: session)
}
