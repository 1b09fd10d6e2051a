import Endpoint
import Foundation
import Testing

/// The certificate of the server: which ones are refused, and how a new one comes into force.
extension TLSTests {
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
}
