import Endpoint
import Foundation
import Synchronization
import Testing

@Suite("An unusable web configuration file")
struct ConfigurationTests {
    private let folder: Folder

    init() throws {
        folder = try Folder()
        try folder.makeCertificate("server")
        try folder.makeCertificate("other")
        try folder.write("no certificate", to: "text.pem")
    }

    private func refusal() -> String? {
        let file = folder.file("web.yml")
        do {
            _ = try Endpoint.forTest { $0.configurationFile = file }
            return nil
        } catch {
            return "\(error)".replacing(folder.path + "/", with: "")
        }
    }

    @Test(
        "The error for an unusable file names the file, the line, the key and the problem",
        arguments: [
            (
                ["cert_file: none.pem", "key_file: server.key"],
                "2: tls_server_config.cert_file: cannot read \"none.pem\": No such file or directory"
            ),
            (
                ["cert_file: server.pem", "key_file: none.key"],
                "3: tls_server_config.key_file: cannot read \"none.key\": No such file or directory"
            ),
            (
                ["cert_file: server.pem", "key_file: other.key"],
                "3: tls_server_config.key_file: \"other.key\" is not the key of the certificate"
            ),
            (
                ["cert_file: text.pem", "key_file: server.key"],
                "2: tls_server_config.cert_file: \"text.pem\" holds no certificate; expected PEM, from -----BEGIN CERTIFICATE----- on"
            ),
            (
                ["cert_file: server.pem", "key_file: text.pem"],
                "3: tls_server_config.key_file: \"text.pem\" holds no key; expected PEM, from -----BEGIN PRIVATE KEY----- on"
            ),
            (
                ["cert: server.pem", "key_file: server.key"],
                "2: tls_server_config.cert: holds no certificate; expected PEM, from -----BEGIN CERTIFICATE----- on; "
                    + "the name of a file goes under tls_server_config.cert_file"
            ),
            (
                [
                    "cert_file: server.pem", "key_file: server.key", "client_auth_type: RequireAndVerifyClientCert",
                    "client_ca_file: text.pem",
                ],
                "5: tls_server_config.client_ca_file: \"text.pem\" holds no certificate; expected PEM, from -----BEGIN CERTIFICATE----- on"
            ),
            (
                [
                    "cert_file: server.pem", "key_file: server.key", "max_version: TLS12",
                    "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]",
                ],
                "1: tls_server_config: none of the cipher_suites is for a certificate with a key of ECDSA, as this one; "
                    + "expected one with ECDHE_ECDSA in its name"
            ),
            (["cert_filse: server.pem"], "2: tls_server_config.cert_filse: unknown key"),
        ]
    )
    func refused(lines: [String], message: String) throws {
        try folder.write("tls_server_config:\n" + lines.map { "  \($0)\n" }.joined(), to: "web.yml")
        let refusal = try #require(self.refusal())
        #expect(refusal.hasPrefix("web.yml:" + message), "\(refusal)")
        #expect(!refusal.contains("\n"))
    }

    @Test("The endpoint refuses a file that is missing or not a regular file")
    func missing() throws {
        #expect(refusal() == "web.yml:1: cannot read it: No such file or directory")
        try Program.run("mkfifo", [folder.file("web.yml")])
        #expect(refusal() == "web.yml:1: cannot read it: not a regular file")
    }

    @Test("The endpoint reports an unusable file once, and reports its repair")
    func toldOnce() throws {
        let events = Mutex<[String]>([])
        let file = folder.file("web.yml")
        try folder.writeTLS()
        let endpoint = try Endpoint.forTest {
            $0.configurationFile = file
        } report: { event in
            switch event {
            case .configurationRead: events.withLock { $0.append("read") }
            case .configurationRefused(let problem): events.withLock { $0.append(problem) }
            default: break
            }
        }
        try folder.writeTLS(["min_version: TLS9"])
        #expect(becomesTrue { events.withLock { !$0.isEmpty } })
        #expect(endpoint.reload?.wasSuccessful == false)
        // It is looked at each second.
        Thread.sleep(forTimeInterval: 2.2)
        try folder.writeTLS()
        #expect(becomesTrue { endpoint.reload?.wasSuccessful == true })
        Thread.sleep(forTimeInterval: 1.2)
        let seen = events.withLock { $0 }
        #expect(
            seen.count == 2 && seen[0].contains("web.yml:4: tls_server_config.min_version") && seen[1] == "read",
            "\(seen)"
        )
    }
}
