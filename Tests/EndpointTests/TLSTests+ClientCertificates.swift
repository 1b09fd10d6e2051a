import Testing

/// Certificates of clients.
extension TLSTests {
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
            ("spiffe://example/friend", true), ("Friend.example", false), ("a.friend.example", false),
            ("example", false), ("friend", false),
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
}
