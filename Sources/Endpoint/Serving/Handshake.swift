/// How far a TLS handshake is.
enum Handshake: Equatable {
    /// No ClientHello has come yet.
    case silent
    /// The ClientHello has come, and was not answered yet.
    case helloReceived
    /// Our part of the handshake is out.
    case answered
    /// The client's certificate was refused, for this reason.
    case refused(String)
    case complete

    /// Why a handshake failed.
    enum Failure: String, CaseIterable {
        /// What came is no ClientHello, such as plain HTTP.
        case noClientHello = "no_client_hello"
        /// The client has no version, cipher suite or group in common with us.
        case nothingInCommon = "nothing_in_common"
        /// The client ended it, for example because it does not trust our certificate.
        case clientLeft = "client_left"
        /// We ended it because of the client's certificate.
        case clientCertificate = "client_certificate"
        case timeout
    }

    /// Why it failed, where the connection ends like this; nil where it did not, or where the client only looked whether
    /// the port is open.
    ///
    /// - Parameter isLate: whether the time for it is over.
    func failure(of descriptor: CInt, isLate: Bool) -> (Failure, detail: String)? {
        switch self {
        case .silent where isLate, .helloReceived where isLate, .answered where isLate:
            (.timeout, "it was not done in time")
        case .silent:
            Connection.hasReceived(descriptor)
                ? (.noClientHello, "what came is no TLS ClientHello; plain HTTP is not served here") : nil
        case .helloReceived: (.nothingInCommon, "no TLS version, cipher suite or group in common")
        case .answered: (.clientLeft, "the client ended it; it may not trust the certificate")
        case .refused(let reason): (.clientCertificate, reason)
        case .complete: nil
        }
    }
}
