import Endpoint
import Foundation
import Testing

@Suite("A password")
struct PasswordTests {
    /// bcrypt of "secret" and of "other", of the least cost, by libxcrypt through Python's crypt
    /// module.
    private static let hashes = (
        secret: "$2b$04$Rpr.z4NbpGtRny/HBusbk.OzpoSaaX219HIPkqvmmGRVFmzZpt7JO",
        other: "$2b$04$FjjsrvqfLvW1azPnzNh3oermbStwLjDDIYdDv48BJTDit6RuZPTH6"
    )

    private let folder: Folder
    private let endpoint: Endpoint

    init() throws {
        folder = try Folder()
        try folder.write(Self.users(alice: Self.hashes.secret), to: "web.yml")
        let file = folder.file("web.yml")
        endpoint = try Endpoint.forTest { $0.configurationFile = file }
        endpoint.publish("up 1\n")
    }

    private static func users(alice: String) -> String { "basic_auth_users:\n  alice: \(alice)\n" }

    private func get(_ authorization: String?, path: String = "/metrics") throws -> Answer {
        let client = try endpoint.client()
        try client.request("GET", path, headers: authorization.map { ["Authorization: \($0)"] } ?? [])
        return try client.answer()
    }

    private func basic(_ pair: String) -> String { "Basic \(Data(pair.utf8).base64EncodedString())" }

    @Test("A correct password is accepted repeatedly, on one connection and on several")
    func right() throws {
        for _ in 1...3 { #expect(try get(basic("alice:secret")).text == "up 1\n") }
        let client = try endpoint.client()
        for _ in 1...3 {
            try client.request("GET", "/-/healthy", headers: ["Authorization: \(basic("alice:secret"))"])
            #expect(try client.answer().status == 200)
        }
    }

    @Test(
        "A missing or malformed Authorization header is rejected on every path",
        arguments: [
            nil, "", "Basic", "Basic ", "Basic !!!!", "Basic YWxpY2U6c2VjcmV", "Basic YWxpY2U6c2VjcmV0====",
            "Bearer YWxpY2U6c2VjcmV0",
            "Basic YWxpY2U=", "Digest username=\"alice\"",
        ],
        ["/metrics", "/", "/-/healthy", "/-/ready", "/nothing"]
    )
    func none(authorization: String?, path: String) throws {
        let answer = try get(authorization, path: path)
        #expect(answer.status == 401)
        #expect(answer.headers["www-authenticate"] == "Basic realm=\"test\", charset=\"UTF-8\"")
        #expect(answer.text == "A user name and a password of this exporter are required.\n")
    }

    @Test(
        "A wrong password and an unknown user are rejected",
        arguments: [
            "alice:Secret", "alice:secret ", "alice:", "bob:secret", ":secret", "alice :secret", "ALICE:secret",
            "alice:other",
        ]
    )
    func wrong(pair: String) throws {
        #expect(try get(basic(pair)).status == 401)
        #expect(try get(basic("alice:secret")).status == 200)
        #expect(try get(basic(pair)).status == 401)
    }

    @Test("A NUL in a user's name makes the user unknown, or since libmicrohttpd 1.0 ends the name")
    func nul() throws {
        #expect(try get(basic("alice\0:secret")).status == (Endpoint.libraryIsStrict ? 200 : 401))
        for wrong in ["alice\0:other", "\0alice:secret", "al\0ice:secret"] {
            #expect(try get(basic(wrong)).status == 401)
        }
    }

    @Test("A change of the file changes the password")
    func changed() throws {
        #expect(try get(basic("alice:secret")).status == 200)
        try folder.write(Self.users(alice: Self.hashes.other), to: "web.yml")
        #expect(try becomesTrue { try get(basic("alice:secret")).status == 401 })
        #expect(try get(basic("alice:other")).status == 200)
        try folder.write("", to: "web.yml")
        #expect(try becomesTrue { try get(nil).status == 200 })
    }

    @Test("A password is still required after the file becomes invalid or is removed")
    func broken() throws {
        for text in ["basic_auth_users: {alice: secret}\n", "basic_auth_user:\n", ": ["] {
            try folder.write(Self.users(alice: Self.hashes.secret), to: "web.yml")
            #expect(becomesTrue { endpoint.reload?.wasSuccessful == true })
            try folder.write(text, to: "web.yml")
            #expect(becomesTrue { endpoint.reload?.wasSuccessful == false })
            #expect(try get(nil).status == 401)
            #expect(try get(basic("alice:secret")).status == 200)
        }
        try FileManager.default.removeItem(atPath: folder.file("web.yml"))
        #expect(try get(nil).status == 401)
        try folder.write(Self.users(alice: Self.hashes.other), to: "web.yml")
        #expect(try becomesTrue { try get(basic("alice:other")).status == 200 })
        #expect(endpoint.reload?.wasSuccessful == true)
    }

    @Test(
        "Pending password checks do not delay known passwords, and excess checks are answered with 503"
    )
    func crowd() throws {
        // A check takes a third of a second or more.
        let slow = "$2b$12$" + Self.hashes.secret.dropFirst(7)
        let before = endpoint.reload?.lastSuccess
        try folder.write("basic_auth_users:\n  alice: \(Self.hashes.secret)\n  slow: \(slow)\n", to: "web.yml")
        // Without that slow is no user, and is refused too.
        #expect(becomesTrue { endpoint.reload?.lastSuccess != before })
        #expect(try becomesTrue { try get(basic("slow:x")).status == 401 && get(basic("alice:secret")).status == 200 })
        let crowd = try (1...8).map { number in
            let client = try endpoint.client()
            try client.request("GET", "/metrics", headers: ["Authorization: \(basic("slow:\(number)"))"])
            return client
        }
        for _ in 1...5 { #expect(try get(basic("alice:secret")).status == 200) }
        let statuses = try crowd.map { try $0.answer().status }
        // One is checked while four more of one address wait.
        #expect(statuses.count { $0 == 401 } >= 4)
        #expect(statuses.contains(503))
        #expect(Set(statuses) == [401, 503])
        for client in crowd { #expect(try client.get("/metrics").status == 401) }
    }

    @Test("A request with a pending password check is answered when the endpoint stops")
    func stopping() throws {
        try folder.write(Self.users(alice: "$2b$12$" + Self.hashes.secret.dropFirst(7)), to: "web.yml")
        let crowd = try (1...4).map { number in
            let client = try endpoint.client()
            try client.request("GET", "/metrics", headers: ["Authorization: \(basic("alice:\(number)"))"])
            return client
        }
        Thread.sleep(forTimeInterval: 0.05)
        endpoint.stop(drain: .seconds(30))
        for client in crowd { #expect([401, 503].contains(try client.answer().status)) }
    }
}

@Suite("A rate limit")
struct RateLimitTests {
    @Test(
        "The rate limit allows a burst, then one request per interval, and answers the rest with 429"
    )
    func burst() throws {
        let folder = try Folder()
        try folder.write("rate_limit: {interval: 1s, burst: 3}\n", to: "web.yml")
        let file = folder.file("web.yml")
        let endpoint = try Endpoint.forTest { $0.configurationFile = file }
        let client = try endpoint.client()
        let start = monotonicTime()
        let first = try (1...4).map { _ in try client.get("/") }
        if monotonicTime() - start < .seconds(1) {
            #expect(first.map(\.status) == [200, 200, 200, 429])
            #expect(first[3].headers["retry-after"] == "1")
        }
        Thread.sleep(forTimeInterval: 1.1)
        #expect(try client.get("/").status == 200)
        #expect((endpoint.count(of: 429) ?? 0) >= 1)
    }

    @Test("A burst of 0 allows no request, and a missing interval allows every request")
    func extremes() throws {
        let folder = try Folder()
        let file = folder.file("web.yml")
        try folder.write("rate_limit: {interval: 1s, burst: 0}\n", to: "web.yml")
        let endpoint = try Endpoint.forTest { $0.configurationFile = file }
        for _ in 1...3 {
            let answer = try endpoint.get("/")
            #expect(answer.status == 429)
            #expect(answer.headers["retry-after"] == nil)
        }
        #expect(try endpoint.get("/-/healthy").status == 200)
        #expect(try endpoint.get("/-/ready").status == 503)
        try folder.write("rate_limit: {interval: 0, burst: 0}\n", to: "web.yml")
        #expect(try becomesTrue { try endpoint.get("/").status == 200 })
        for _ in 1...3 { #expect(try endpoint.get("/").status == 200) }
    }
}

@Suite("A header of the web configuration file")
struct HeaderTests {
    @Test("Every answer has the headers that the file currently defines")
    func everyAnswer() throws {
        let folder = try Folder()
        try folder.write("http_server_config:\n  headers:\n    X-Frame-Options: deny\n", to: "web.yml")
        let file = folder.file("web.yml")
        let endpoint = try Endpoint.forTest { $0.configurationFile = file }
        #expect(try endpoint.get("/metrics").headers["x-frame-options"] == "deny")
        endpoint.publish("up 1\n")
        let paths = ["/metrics", "/", "/-/healthy", "/-/ready", "/nothing", "/metrics?collect[]=x"]
        for path in paths { #expect(try endpoint.get(path).headers["x-frame-options"] == "deny", "\(path)") }
        try folder.write("http_server_config:\n  headers:\n    X-XSS-Protection: 1\n", to: "web.yml")
        #expect(try becomesTrue { try endpoint.get("/").headers["x-frame-options"] == nil })
        for path in paths {
            let headers = try endpoint.get(path).headers
            #expect(headers["x-frame-options"] == nil && headers["x-xss-protection"] == "1", "\(path)")
        }
    }
}
