import Testing
import WebConfiguration

@Suite("What tls_server_config says about clients")
struct ClientTests {
    @Test("knows Go's five policies for clients, and the older name of one")
    func policies() throws {
        let policies: [(String, WebConfiguration.ClientAuthentication)] = [
            ("''", .none), ("", .none), ("NoClientCert", .none), ("RequestClientCert", .request),
            ("RequireAnyClientCert", .requireAny), ("RequireClientCert", .requireAny),
            ("VerifyClientCertIfGiven", .verifyIfGiven), ("RequireAndVerifyClientCert", .requireAndVerify),
        ]
        for (name, policy) in policies {
            #expect(try read(tls("client_auth_type: \(name)")).tls?.clientAuthentication == policy)
        }
    }

    @Test("refuses an authority for clients that are not asked", arguments: ["client_ca_file", "client_ca"])
    func authorityWithoutPolicy(name: String) {
        let message =
            "web.yml:4: tls_server_config.\(name): no client is asked for a certificate; "
            + "expected RequireAndVerifyClientCert or VerifyClientCertIfGiven as client_auth_type"
        #expect(refusal(of: tls("\(name): ca")) == message)
        #expect(refusal(of: tls("\(name): ca", "client_auth_type: NoClientCert")) == message)
        #expect(refusal(of: tls("\(name): ''")) == nil)
    }

    @Test(
        "refuses allowed names with a policy that serves clients without a certificate",
        arguments: ["", "''", "NoClientCert", "RequestClientCert", "VerifyClientCertIfGiven"],
        ["[a]", "[]"]
    )
    func unenforcedNames(policy: String, names: String) {
        let shown = policy.count > 2 ? policy : "NoClientCert"
        let message =
            "tls_server_config.client_allowed_sans: \(shown) serves clients without a certificate, and so without an "
            + "allowed name; expected RequireAndVerifyClientCert as client_auth_type"
        #expect(
            refusal(of: tls("client_auth_type: \(policy)", "client_allowed_sans: \(names)")) == "web.yml:5: \(message)"
        )
        if shown == "NoClientCert", policy.count <= 2 {
            #expect(refusal(of: "tls_server_config: {client_allowed_sans: \(names)}") == "web.yml:1: \(message)")
        }
    }

    @Test("warns of names in certificates that nobody verifies, of an empty list and of one without a value")
    func allowedNames() throws {
        let key = "web.yml:5: tls_server_config.client_allowed_sans"
        let anyone = try warnings(about: tls("client_auth_type: RequireAnyClientCert", "client_allowed_sans: [a]"))
        #expect(
            anyone == [
                "\(key): RequireAnyClientCert does not verify certificates, and anybody can make one with an allowed "
                    + "name; client_auth_type: RequireAndVerifyClientCert verifies them"
            ]
        )
        let nobody = try read(tls("client_auth_type: RequireAnyClientCert", "client_allowed_sans: []"))
        #expect(nobody.tls?.allowedNames == [])
        #expect(
            nobody.warnings.map(\.description) == ["\(key): the list is empty, and no client's certificate is accepted"]
        )
        let anybody = try read(tls("client_auth_type: RequireAnyClientCert", "client_allowed_sans:"))
        #expect(anybody.tls?.allowedNames == nil)
        #expect(
            anybody.warnings.map(\.description) == ["\(key): the key has no value, and this has no effect"]
        )
    }

    @Test(
        "warns of an authority that the policy does not ask",
        arguments: ["RequestClientCert", "RequireAnyClientCert"]
    )
    func unusedAuthority(policy: String) throws {
        #expect(
            try warnings(about: tls("client_auth_type: \(policy)", "client_ca_file: ca")) == [
                "web.yml:5: tls_server_config.client_ca_file: \(policy) accepts certificates of every authority, and "
                    + "this has no effect; client_auth_type: RequireAndVerifyClientCert verifies them"
            ]
        )
    }

    @Test(
        "warns of keys about clients that have no value",
        arguments: ["client_auth_type", "client_ca", "client_ca_file", "client_allowed_sans"]
    )
    func blank(key: String) throws {
        let warning = "web.yml:4: tls_server_config.\(key): the key has no value, and this has no effect"
        #expect(try warnings(about: tls("\(key):")) == [warning])
        if key != "client_allowed_sans" { #expect(try warnings(about: tls("\(key): ''")) == [warning]) }
    }
}
