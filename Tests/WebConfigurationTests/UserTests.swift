import Testing
import WebConfiguration

private let digits = String(hash.dropFirst(7))
private let colon =
    "a colon is in the name of a user, and no client can send it; expected a space after the colon, or another name"
private let expected =
    #"expected $2y$ ($2a$, $2b$), a cost from 04 to 31, $ and 53 characters, as made by: "#
    + #"htpasswd -nBC 10 "" | tr -d ':\n'"#

@Suite("The section basic_auth_users")
struct UserTests {
    @Test("The section gives the hash of each user")
    func users() throws {
        let text =
            "basic_auth_users:\n  alice: \(hash)\n  'bob b': '\(hash)'\n  123: \(hash)\n  Zoë: \(hash)\n  yes: \(hash)"
        let found = try read(text)
        #expect(found.users == ["alice": hash, "bob b": hash, "123": hash, "Zoë": hash, "yes": hash])
        #expect(found.warnings.isEmpty && found.tls == nil)
    }

    @Test(
        "An empty section causes a warning that no password is required",
        arguments: ["", " {}", " ~"]
    )
    func nobody(section: String) throws {
        let found = try read("basic_auth_users:\(section)")
        #expect(found.users.isEmpty)
        #expect(
            found.warnings.map(\.description) == [
                "web.yml:1: basic_auth_users: no user is listed, and clients are served without a password"
            ]
        )
    }

    @Test("Merged users are added, and a repeated user is refused")
    func merged() throws {
        let base = "http_server_config: {headers: }\nbasic_auth_users:\n"
        #expect(try read("\(base)  <<: {a: \(hash)}\n  b: \(hash)").users == ["a": hash, "b": hash])
        let message = "basic_auth_users.a: the key stands in line 3 already; expected it once"
        #expect(refusal(of: "\(base)  <<: {a: \(hash)}\n  a: \(hash)") == "web.yml:4: \(message)")
    }

    @Test(
        "Every variant and cost of bcrypt is accepted",
        arguments: ["$2y$04$", "$2a$05$", "$2b$09$", "$2y$10$", "$2y$19$", "$2y$20$", "$2y$31$"]
    )
    func variants(begin: String) throws {
        let text = begin + hash.dropFirst(7)
        #expect(try read("basic_auth_users: {a: \(text)}").users == ["a": text])
    }

    @Test(
        "A value that is not a bcrypt hash is refused without showing it",
        arguments: [
            "hunter2", "''", "$2y$03$\(digits)", "$2y$32$\(digits)", "$2y$4$\(digits)", "$2y$99$\(digits)",
            "$2x$10$\(digits)", "$2$10$\(digits)", "$3y$10$\(digits)", "$2y$10$\(digits.dropLast())", "\(hash)x",
            "$2y$10$\(digits.dropLast())+", "$2y$10$\(digits.dropLast())ö",
            "$2y$10$\(digits.dropLast())$",
            "$2y$1x$\(digits)", "$2y$10:\(digits)", "'\(hash) '", "\"\(hash)\\n\"", "$apr1$abcdefgh$\(digits)",
            "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
        ]
    )
    func noHash(text: String) {
        #expect(
            refusal(of: "basic_auth_users:\n  alice: \(text.hasPrefix("{") ? "'\(text)'" : text)")
                == #"web.yml:2: basic_auth_users.alice: not a bcrypt hash; expected $2y$ ($2a$, $2b$), a cost from 04 to 31, "#
                + #"$ and 53 characters, as made by: htpasswd -nBC 10 "" | tr -d ':\n'"#
        )
    }

    @Test(
        "An unusable user name, a repeated user and a value that is not a string are refused",
        arguments: [
            (
                "'': \(hash)",
                "basic_auth_users.\"\": the name of a user is empty, and no client can send it; expected a name"
            ),
            ("'a:b': \(hash)", "basic_auth_users.a…: \(colon)"),
            ("{a:\(hash)}", "basic_auth_users.a…: \(colon)"),
            ("a: \(hash)\n  a: \(hash)", "basic_auth_users.a: the key stands in line 2 already; expected it once"),
            ("a:", "basic_auth_users.a: expected a bcrypt hash, found nothing"),
            ("a: [\(hash)]", "basic_auth_users.a: expected a bcrypt hash, found a list"),
            ("a: {b: \(hash)}", "basic_auth_users.a: expected a bcrypt hash, found a mapping"),
            ("[a]: \(hash)", "basic_auth_users: expected a string as a key, found a list"),
            ("- a: \(hash)", "basic_auth_users: expected a mapping, found a list"),
            ("a:\(hash)", "basic_auth_users: expected a mapping, found a string"),
            ("<<: a", "basic_auth_users.<<: expected a mapping or a list of mappings to merge, found a string"),
            ("<<: {a: b}", "basic_auth_users.<<.a: not a bcrypt hash; \(expected)"),
        ]
    )
    func broken(lines: String, message: String) throws {
        let found = try #require(refusal(of: "basic_auth_users:\n  \(lines)"))
        #expect(found.drop { $0 != " " } == " \(message)")
    }

    @Test(
        "An error never shows a misplaced password or hash",
        arguments: [
            "basic_auth_users: {alice:hunter2}", "basic_auth_users: {alice:\u{301}hunter2}",
            "basic_auth_users: {alice:\(hash)}", "basic_auth_users: hunter2",
            "basic_auth_users: [hunter2]", "basic_auth_users: {\(hash): alice}", "basic_auth_users: {a: hunter2}",
            "basic_auth_users: {a: [hunter2]}", "{alice:hunter2}", "alice:\(hash)", "{alice:\(hash): 1}", "\(hash)",
            "basic_auth_users: {a: *hunter2}", "basic_auth_users: {a: !hunter2 x}", "basic_auth_users: {a: %hunter2}",
            "basic_auth_users: {a: hunter2", "basic_auth_users: {a: \"hunter2}", "basic_auth_users: {a: @hunter2}",
            "tls_server_config: {key: [hunter2]}", "tls_server_config: {key_file: \"-----BEGIN\\nhunter2\\n\"}",
            "tls_server_config: {key: hunter2}", "tls_server_config: {key: hunter2, key_file: f, cert: c, foo: 1}",
            "tls_server_config:\n  key: |\n   -----BEGIN\n  hunter2\n",
        ]
    )
    func secrets(text: String) throws {
        let found = try #require(refusal(of: text))
        #expect(!found.contains("hunter2") && !found.contains(digits.prefix(8)))
    }
}
