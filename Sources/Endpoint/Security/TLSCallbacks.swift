import CGnuTLS
import CMicrohttpd

// The functions that GnuTLS calls in the middle of a handshake, on the daemon's thread. They stand outside of types for
// the reason told in Callbacks.swift.

/// The connection of a session, which libmicrohttpd notes in it, and the site that it belongs to.
private func connection(of session: OpaquePointer?) -> (Connections, CInt)? {
    guard let session = unsafe session, let handle = unsafe gnutls_session_get_ptr(session),
        let connection = unsafe Connection(OpaquePointer(handle)), let connections = connection.owner
    else { return nil }
    return (connections, connection.descriptor)
}

/// A gnutls_handshake_post_client_hello_func.
func clientHelloCame(session: OpaquePointer?) -> CInt {
    guard let (connections, descriptor) = unsafe connection(of: session), let session = unsafe session,
        let tls = connections[descriptor]?.tls
    else { return GNUTLS_E_INTERNAL_ERROR }
    return unsafe tls.chooseCiphers(of: session)
}

/// A gnutls_certificate_verify_function, called after the client has shown a certificate, or none.
func clientCertificateCame(session: OpaquePointer?) -> CInt {
    guard let (connections, descriptor) = unsafe connection(of: session), let session = unsafe session,
        let tls = connections[descriptor]?.tls
    else { return GNUTLS_E_INTERNAL_ERROR }
    guard let refusal = unsafe tls.judgeClient(of: session) else { return 0 }
    connections.advance(descriptor, to: .refused(refusal))
    return GNUTLS_E_CERTIFICATE_ERROR
}

/// A gnutls_handshake_hook_func, called before and after each message of a handshake that comes or goes out.
func handshakeMessagePasses(
    session: OpaquePointer?,
    type: CUnsignedInt,
    when: CUnsignedInt,
    isIncoming: CUnsignedInt,
    message: UnsafePointer<gnutls_datum_t>?
) -> CInt {
    guard let (connections, descriptor) = unsafe connection(of: session) else { return 0 }
    switch (type, isIncoming) {
    case (GNUTLS_HANDSHAKE_CLIENT_HELLO.rawValue, 1): connections.advance(descriptor, to: .helloReceived)
    case (GNUTLS_HANDSHAKE_FINISHED.rawValue, 1): connections.advance(descriptor, to: .complete)
    case (_, 0): connections.advance(descriptor, to: .answered)
    default: break
    }
    return 0
}
