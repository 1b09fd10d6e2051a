import Endpoint
import Foundation
import Synchronization
import Testing

/// A server with TLS, and clients that are other programs: curl and openssl.
@Suite("TLS")
struct TLSTests {
    private let folder: Folder

    init() throws {
        folder = try Folder()
        try folder.makeCertificate("server")
        try folder.makeCertificate("next")
        try folder.writeTLS()
    }

    private func endpoint(_ change: @escaping (inout Endpoint.Settings) -> Void = { _ in }) throws -> Endpoint {
        let file = folder.file("web.yml")
        let endpoint = try Endpoint.forTest {
            $0.configurationFile = file
            change(&$0)
        }
        endpoint.publish("up 1\n")
        return endpoint
    }

    /// What curl is given; nil where it gets nothing.
    private func curl(_ endpoint: Endpoint, _ options: [String] = [], trusting authority: String = "server") -> String?
    {
        let words = ["--silent", "--fail", "--max-time", "60", "--cacert", folder.file("\(authority).pem")] + options
        let url = "https://localhost:\(endpoint.ports[0])/metrics"
        let output = try? Program.run("curl", words + [url], mayFail: true)
        return output.flatMap { $0.isEmpty ? nil : String(decoding: $0, as: UTF8.self) }
    }

    /// The certificate that a handshake shows, in PEM.
    private func certificate(of endpoint: Endpoint) throws -> [UInt8] {
        let shown = try Program.run(
            "openssl",
            ["s_client", "-connect", "127.0.0.1:\(endpoint.ports[0])"],
            mayFail: true
        )
        return try Program.run("openssl", ["x509"], input: shown)
    }

    private func certificate(_ name: String) throws -> [UInt8] {
        try Program.run("openssl", ["x509", "-in", folder.file("\(name).pem")])
    }

    private func rotate() throws {
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

    @Test("A new certificate is loaded while a download over the old one continues")
    func rotation() throws {
        let endpoint = try endpoint()
        // More than the kernel holds for a connection whose client does not read.
        let size = 16 << 20
        endpoint.publish([UInt8](repeating: 7, count: size))
        // Reads the first bytes, waits for the signal to continue, and says how much it got.
        let script = """
            import os, socket, ssl, time
            os.chdir("\(folder.path)")
            plain = socket.socket()
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            plain.connect(("127.0.0.1", \(endpoint.ports[0])))
            stream = ssl._create_unverified_context().wrap_socket(plain)
            stream.sendall(b"GET /metrics HTTP/1.1\\r\\nHost: test\\r\\n\\r\\n")
            answer = stream.makefile("rb")
            while answer.readline().strip():
                pass
            open("begun", "w").close()
            while not os.path.exists("go-on"):
                time.sleep(0.01)
            body = answer.read(\(size))
            open("got", "w").write(str(body.count(7)))
            """
        let download = Thread { _ = try? Program.run("python3", ["-c", script]) }
        download.start()
        while !download.isFinished, !FileManager.default.fileExists(atPath: folder.file("begun")) { usleep(10_000) }
        #expect(try certificate(of: endpoint) == certificate("server"))
        // A key alone is not that of the certificate.
        try folder.copy("next.key", over: "server.key")
        #expect(becomesTrue { endpoint.reload?.wasSuccessful == false })
        #expect(try certificate(of: endpoint) == certificate("server"))
        try folder.copy("next.pem", over: "server.pem")
        #expect(becomesTrue { endpoint.reload?.wasSuccessful == true })
        #expect(try certificate(of: endpoint) == certificate("next"))
        #expect(!download.isFinished)
        try folder.write("", to: "go-on")
        while !download.isFinished { usleep(10_000) }
        #expect(try String(contentsOfFile: folder.file("got"), encoding: .utf8) == "\(size)")
    }

    @Test("A connection made with the old certificate is closed after its next answer")
    func oldConnection() throws {
        let endpoint = try endpoint()
        let script = """
            import http.client, ssl, sys
            context = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection("127.0.0.1", \(endpoint.ports[0]), context=context)
            def get():
                connection.request("GET", "/metrics")
                answer = connection.getresponse()
                answer.read()
                print(answer.status, answer.getheader("Connection"), flush=True)
            get()
            get()
            for name in ("key", "pem"):
                open("\(folder.path)/server." + name, "w").write(open("\(folder.path)/next." + name).read())
            new = open("\(folder.path)/next.pem").read()
            while ssl.get_server_certificate(("127.0.0.1", \(endpoint.ports[0]))).strip() != new.strip():
                pass
            get()
            get()
            """
        // After the closed one, http.client makes a new connection.
        let output = try Program.run("python3", ["-c", script])
        #expect(String(decoding: output, as: UTF8.self) == "200 None\n200 None\n200 close\n200 None\n")
    }

    @Test("A change of the file cannot enable or disable TLS while the endpoint runs")
    func onAndOff() throws {
        let endpoint = try endpoint()
        try folder.write("", to: "web.yml")
        #expect(becomesTrue { endpoint.reload?.wasSuccessful == false })
        #expect(curl(endpoint) == "up 1\n")
        try folder.writeTLS()
        #expect(becomesTrue { endpoint.reload?.wasSuccessful == true })
        #expect(curl(endpoint) == "up 1\n")
    }

    @Test(
        "The endpoint accepts client certificates according to the configured policy",
        arguments: [
            ("NoClientCert", nil, [true, true, true]), ("RequestClientCert", nil, [true, true, true]),
            ("RequireAnyClientCert", nil, [false, true, true]), ("RequireClientCert", nil, [false, true, true]),
            ("VerifyClientCertIfGiven", "friend", [true, true, false]),
            ("RequireAndVerifyClientCert", "friend", [false, true, false]),
        ] as [(String, String?, [Bool])],
        ["1.2", "1.3"]
    )
    func clientCertificates(policy: (String, String?, [Bool]), version: String) throws {
        try folder.makeCertificate("friend")
        try folder.makeCertificate("stranger")
        let authority = policy.1.map { ["client_ca_file: \($0).pem"] } ?? []
        try folder.writeTLS(["client_auth_type: \(policy.0)"] + authority)
        let endpoint = try endpoint()
        let certificates = [nil, "friend", "stranger"]
        for (name, isServed) in zip(certificates, policy.2) {
            let options = name.map { ["--cert", folder.file("\($0).pem"), "--key", folder.file("\($0).key")] } ?? []
            let answer = curl(endpoint, options + ["--tls-max", version])
            #expect(answer == (isServed ? "up 1\n" : nil), "\(policy.0), \(name ?? "none")")
        }
    }

    @Test(
        "The endpoint matches the subject alternative names of client certificates exactly",
        arguments: [
            ("friend.example", true), ("friend@example.org", true), ("192.0.2.7", true), ("2001:db8::7", true),
            ("spiffe://example/friend", true), ("Friend.example", false), ("example", false), ("friend", false),
        ]
    )
    func allowedNames(name: String, isServed: Bool) throws {
        let names =
            "DNS:friend.example,email:friend@example.org,IP:192.0.2.7,IP:2001:db8:0::7,URI:spiffe://example/friend"
        try folder.makeCertificate("friend", names: names)
        try folder.writeTLS([
            "client_auth_type: RequireAndVerifyClientCert", "client_ca_file: friend.pem",
            "client_allowed_sans: [other, '\(name)']",
        ])
        let options = ["--cert", folder.file("friend.pem"), "--key", folder.file("friend.key")]
        #expect(curl(try endpoint(), options) == (isServed ? "up 1\n" : nil))
    }

    @Test("The endpoint serves concurrent clients while certificates are rotated")
    func crowd() async throws {
        let endpoint = try endpoint()
        try await withThrowingTaskGroup { group in
            for _ in 1...3 {
                group.addTask {
                    for _ in 1...10 { #expect(curl(endpoint, ["--insecure"]) == "up 1\n") }
                }
            }
            for _ in 1...20 {
                try rotate()
                endpoint.publish("up 1\n")
                try await Task.sleep(for: .milliseconds(20))
                try folder.makeCertificate("next")
            }
            try await group.waitForAll()
        }
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
        "The endpoint refuses a certificate whose key usage no handshake accepts",
        arguments: ["keyEncipherment", "keyAgreement", "keyEncipherment,dataEncipherment"]
    )
    func uselessCertificate(usage: String) throws {
        let endpoint = try endpoint()
        try folder.makeCertificate("next", keyUsage: usage, key: ["rsa:2048"])
        try rotate()
        #expect(becomesTrue { endpoint.reload?.wasSuccessful == false })
        #expect(try certificate(of: endpoint) != certificate("next"))
        #expect(curl(endpoint, ["--insecure"]) == "up 1\n")
        let error = #expect(throws: EndpointError.self) { try self.endpoint() }
        #expect(
            "\(try #require(error))".hasSuffix(
                "web.yml:2: tls_server_config.cert_file: \"\(folder.file("server.pem"))\" has a key usage without "
                    + "digitalSignature, and every TLS handshake would fail; expected one with it"
            ),
            "\(error)"
        )
    }

    @Test("The endpoint refuses a certificate chain that begins with the authority")
    func wrongOrder() throws {
        try folder.makeCertificate("authority", keyUsage: "keyCertSign")
        let authority = try Program.run("openssl", ["x509", "-in", folder.file("authority.pem")])
        try folder.write(String(decoding: authority + certificate("server"), as: UTF8.self), to: "server.pem")
        let error = #expect(throws: EndpointError.self) { try endpoint() }
        let end = "server.pem\" begins with the certificate of an authority; the server's own has to come first"
        #expect("\(try #require(error))".hasSuffix(end), "\(error)")
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
        // Five are told at once, and one more each ten seconds.
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
