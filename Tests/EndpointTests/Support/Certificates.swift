import Foundation

extension Folder {
    /// Makes NAME.pem and NAME.key: a certificate that vouches for itself, as a server on loopback
    /// and as a client.
    func makeCertificate(
        _ name: String,
        names: String = "DNS:localhost,IP:127.0.0.1",
        keyUsage: String? = nil,
        key: [String] = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    ) throws {
        let request = ["req", "-x509", "-newkey"] + key + ["-nodes", "-days", "2"]
        let files = ["-keyout", file("\(name).key"), "-out", file("\(name).pem")]
        let subject = ["-subj", "/CN=\(name)", "-addext", "subjectAltName=\(names)"]
        let usage = keyUsage.map { ["-addext", "keyUsage=\($0)"] } ?? []
        try Program.run("openssl", request + files + subject + usage)
    }

    /// Writes web.yml with TLS of server.pem and server.key.
    ///
    /// - Parameter more: further lines of tls_server_config.
    func writeTLS(_ more: [String] = []) throws {
        let lines = ["cert_file: server.pem", "key_file: server.key"] + more
        try write("tls_server_config:\n" + lines.map { "  \($0)\n" }.joined(), to: "web.yml")
    }
}
