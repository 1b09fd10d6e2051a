import Endpoint
import Synchronization
import Testing

/// A server with TLS, and clients that are other programs: curl and openssl.
@Suite("TLS")
struct TLSTests {
    let folder: Folder

    init() throws {
        folder = try Folder()
        try folder.makeCertificate("server")
        try folder.makeCertificate("next")
        try folder.writeTLS()
    }

    func endpoint(_ change: @escaping (inout Endpoint.Settings) -> Void = { _ in }) throws -> Endpoint {
        let file = folder.file("web.yml")
        let endpoint = try Endpoint.forTest {
            $0.configurationFile = file
            change(&$0)
        }
        endpoint.publish("up 1\n")
        return endpoint
    }

    /// What curl is given; nil where it gets nothing.
    func curl(_ endpoint: Endpoint, _ options: [String] = [], trusting authority: String = "server") -> String? {
        let words = ["--silent", "--fail", "--max-time", "60", "--cacert", folder.file("\(authority).pem")] + options
        let url = "https://localhost:\(endpoint.ports[0])/metrics"
        let output = try? Program.run("curl", words + [url], mayFail: true)
        return output.flatMap { $0.isEmpty ? nil : String(decoding: $0, as: UTF8.self) }
    }

    /// The certificate that a handshake shows, in PEM.
    func certificate(of endpoint: Endpoint) throws -> [UInt8] {
        let shown = try Program.run(
            "openssl",
            ["s_client", "-connect", "127.0.0.1:\(endpoint.ports[0])"],
            mayFail: true
        )
        return try Program.run("openssl", ["x509"], input: shown)
    }

    func certificate(_ name: String) throws -> [UInt8] {
        try Program.run("openssl", ["x509", "-in", folder.file("\(name).pem")])
    }

    func rotate() throws {
        try folder.copy("next.key", over: "server.key")
        try folder.copy("next.pem", over: "server.pem")
    }

    @Test(
        "The endpoint supports TLS 1.2 and 1.3 and nothing older",
        arguments: [("1.0", false), ("1.1", false), ("1.2", true), ("1.3", true)]
    )
    func versions(version: String, isServed: Bool) throws {
        let endpoint = try endpoint()
        #expect(endpoint.isEncrypted)
        let answer = curl(endpoint, ["--tlsv\(version)", "--tls-max", version])
        #expect(answer == (isServed ? "up 1\n" : nil))
    }

    @Test(
        "The endpoint supports a single TLS version when the file requires it",
        arguments: ["1.2", "1.3"]
    )
    func oneVersion(version: String) throws {
        let name = "TLS" + version.filter { $0 != "." }
        try folder.writeTLS(["min_version: \(name)", "max_version: \(name)"])
        let endpoint = try endpoint()
        for other in ["1.2", "1.3"] {
            #expect((curl(endpoint, ["--tlsv\(other)", "--tls-max", other]) != nil) == (other == version))
        }
    }

    @Test(
        "The endpoint negotiates only the cipher suites and curves of the file",
        arguments: [
            (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"], true),
            (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], false),
            (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"], true),
            (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA"], false),
            // Those of TLS 1.3 are not a matter of the list.
            (["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"], true),
            (["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"], true),
            (["-tls1_3", "-groups", "P-256"], false), (["-tls1_3", "-groups", "P-384"], true),
            // The certificate is one of P-256, which a client of TLS 1.2 has to know too.
            (["-tls1_2", "-groups", "P-384:P-256"], true), (["-tls1_2", "-groups", "X25519:P-256"], false),
        ]
    )
    func suites(options: [String], isServed: Bool) throws {
        let suites = ["ECDSA_WITH_AES_256_GCM_SHA384", "ECDSA_WITH_AES_128_CBC_SHA", "RSA_WITH_AES_128_GCM_SHA256"]
        try folder.writeTLS([
            "cipher_suites: [\(suites.map { "TLS_ECDHE_" + $0 }.joined(separator: ", "))]",
            "curve_preferences: [CurveP384]",
        ])
        let endpoint = try endpoint()
        let words = ["s_client", "-brief", "-connect", "127.0.0.1:\(endpoint.ports[0])"] + options
        let isConnected = (try? Program.run("openssl", words)) != nil
        #expect(isConnected == isServed)
    }

    @Test("The endpoint sends no HTTP answer to a plain HTTP request")
    func plainRequest() throws {
        let client = try endpoint().client()
        try client.request("GET", "/metrics")
        #expect(!(try client.rest()).contains("HTTP"))
    }

    @Test(
        "The endpoint supports key exchange over elliptic curves only",
        arguments: [
            ("X25519", true), ("P-256", true), ("P-384", true), ("P-521", true), ("ffdhe2048", false),
            ("ffdhe3072", false), ("ffdhe8192", false), ("X448", false),
        ]
    )
    func groups(group: String, isServed: Bool) throws {
        let endpoint = try endpoint()
        let words = ["s_client", "-brief", "-tls1_3", "-groups", group, "-connect", "127.0.0.1:\(endpoint.ports[0])"]
        #expect(((try? Program.run("openssl", words)) != nil) == isServed)
    }

    @Test(
        "The endpoint supports RSA, Ed25519 and ECDSA keys",
        arguments: [["rsa:2048"], ["ed25519"], ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]]
    )
    func keys(key: [String]) throws {
        try folder.makeCertificate("server", keyUsage: "digitalSignature", key: key)
        #expect(curl(try endpoint()) == "up 1\n")
    }

    @Test("The log and the metrics report the reason of a failed handshake")
    func failedHandshakes() throws {
        try folder.makeCertificate("friend")
        try folder.makeCertificate("stranger")
        try folder.writeTLS(["client_auth_type: RequireAndVerifyClientCert", "client_ca_file: friend.pem"])
        let lines = Mutex<[String]>([])
        let file = folder.file("web.yml")
        let endpoint = try Endpoint.forTest {
            $0.configurationFile = file
            // No handshake that ends otherwise takes so long, on a busy machine either.
            $0.requestTimeout = 5
        } report: { event in
            if case .handshakeFailed(let client, let reason, let detail) = event {
                lines.withLock { $0.append("\(client) \(reason) \(detail)") }
            }
        }
        func count(_ reason: String) -> UInt64? {
            endpoint.statistics.failedHandshakes.first { $0.reason == reason }?.count
        }
        #expect(endpoint.statistics.failedHandshakes.allSatisfy { $0.count == 0 })
        let start = monotonicTime()
        // Whoever only looks whether the port is open is no failure.
        for _ in 1...3 { _ = try endpoint.client() }
        let plain = try endpoint.client()
        try plain.request("GET", "/metrics")
        _ = try plain.rest()
        #expect(becomesTrue { count("no_client_hello") == 1 })
        let friend = ["--cert", folder.file("friend.pem"), "--key", folder.file("friend.key")]
        #expect(curl(endpoint, friend + ["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0", "--tlsv1.0"]) == nil)
        #expect(becomesTrue { count("nothing_in_common") == 1 })
        #expect(curl(endpoint, friend, trusting: "next") == nil)
        #expect(becomesTrue { count("client_left") == 1 })
        #expect(curl(endpoint) == nil)
        #expect(becomesTrue { count("client_certificate") == 1 })
        let stranger = ["--cert", folder.file("stranger.pem"), "--key", folder.file("stranger.key")]
        #expect(curl(endpoint, stranger + ["--tls-max", "1.2"]) == nil)
        #expect(becomesTrue { count("client_certificate") == 2 })
        let half = try endpoint.client()
        try half.send([0x16, 3, 1, 2, 0, 1])
        _ = try half.rest()
        #expect(becomesTrue { count("timeout") == 1 })
        // Five are logged at once, and one more each ten seconds.
        let told = lines.withLock { $0 }
        #expect(told.count <= 5 + Int((monotonicTime() - start) / .seconds(10)), "\(told)")
        #expect(
            told.prefix(5) == [
                "127.0.0.1 no_client_hello the first bytes are not a TLS ClientHello; plain HTTP is not served here",
                "127.0.0.1 nothing_in_common no TLS version, cipher suite or group in common",
                "127.0.0.1 client_left the client ended it; it may not trust the certificate",
                "127.0.0.1 client_certificate the client sent no certificate, and client_auth_type requires one",
                "127.0.0.1 client_certificate no trusted authority has signed the client's certificate",
            ]
        )
    }
}
