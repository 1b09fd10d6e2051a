import Testing
import WebConfiguration

@Suite("The client keys of tls_server_config")
struct ClientTests {
    @Test("client_auth_type accepts Go's five policies and an older alias")
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

    @Test(
        "client_ca is refused when the policy requests no client certificate",
        arguments: ["client_ca_file", "client_ca"]
    )
    func authorityWithoutPolicy(name: String) {
        let message =
            "web.yml:4: tls_server_config.\(name): no client is asked for a certificate; "
            + "expected RequireAndVerifyClientCert or VerifyClientCertIfGiven as client_auth_type"
        #expect(refusal(of: tls("\(name): ca")) == message)
        #expect(refusal(of: tls("\(name): ca", "client_auth_type: NoClientCert")) == message)
        #expect(refusal(of: tls("\(name): ''")) == nil)
    }

    @Test(
        "client_allowed_sans is refused when the policy accepts clients without a certificate",
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

    @Test("Allowed names that are empty, or that the policy does not verify, cause a warning")
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
        "A client authority that the policy does not use causes a warning",
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
        "Client keys without a value cause a warning",
        arguments: ["client_auth_type", "client_ca", "client_ca_file", "client_allowed_sans"]
    )
    func blank(key: String) throws {
        let warning = "web.yml:4: tls_server_config.\(key): the key has no value, and this has no effect"
        #expect(try warnings(about: tls("\(key):")) == [warning])
        if key != "client_allowed_sans" { #expect(try warnings(about: tls("\(key): ''")) == [warning]) }
    }
}
