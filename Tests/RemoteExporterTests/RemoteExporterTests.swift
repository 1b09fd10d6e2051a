import Endpoint
import Foundation
import Testing

@testable import RemoteExporter

@Suite("A remote exporter")
struct RemoteExporterTests {
    private static let path = "/api/v1/diagnosis"
    private static let json = "{\"version\": 1}"

    private let files: Certificates

    init() throws {
        files = try Certificates()
        // What is asked here is on this host, whatever proxy its environment names.
        unsafe setenv("NO_PROXY", "*", 1)
    }

    private func endpoint(_ configuration: String? = nil, knowsPath: Bool = true) throws -> Endpoint {
        let page = Endpoint.Page(body: Array(Self.json.utf8), contentType: "application/json")
        var settings = Endpoint.Settings(
            sockets: .addresses([try ListenAddress("127.0.0.1:0")]),
            telemetryPath: try TelemetryPath("/metrics"),
            landingPage: page,
            maximumAge: .seconds(3600)
        )
        if knowsPath { settings.onDemandPages = [.init(path: Self.path) { _ in page }] }
        if let configuration {
            try files.write(configuration, to: "web.yml")
            settings.configurationFile = files.file("web.yml")
        }
        let endpoint = try Endpoint(settings) { _ in }
        endpoint.publish(page, sampledAt: .zero)
        return endpoint
    }

    private func port(of endpoint: Endpoint) -> String { String(endpoint.boundAddresses[0].drop { $0 != ":" }) }

    /// What is wrong with an answer, by each libcurl that there is; nil where it is the right one.
    ///
    /// - Parameter server: what is asked, which lives as long as somebody holds it.
    private func problem(
        _ url: String,
        of server: AnyObject,
        by names: [String] = Libcurl.names,
        _ change: (inout Access) -> Void = { _ in }
    )
        -> RemoteError.Problem?
    {
        defer { withExtendedLifetime(server) {} }
        var access = Access()
        change(&access)
        let libraries = names.filter { Libcurl([$0]) != nil }
        let problems = libraries.map { library -> RemoteError.Problem? in
            do throws(RemoteError) {
                let answer = try RemoteExporter(url, access).fetch(Self.path, with: [library])
                #expect(String(decoding: answer, as: UTF8.self) == Self.json)
                return nil
            } catch {
                #expect("\(error)".hasPrefix("--url "))
                #expect(!"\(error)".contains("\n"))
                return error.problem
            }
        }
        // Their texts differ.
        #expect(Set(problems.map(kind)).count == 1)
        return problems[0]
    }

    /// The kind of a problem whose text is libcurl's own.
    private func kind(_ problem: RemoteError.Problem?) -> Substring {
        problem.map { "\($0)".prefix { $0 != "(" } } ?? "none"
    }

    @Test("The request succeeds whatever slashes the URL ends with")
    func plain() throws {
        let endpoint = try endpoint()
        for end in ["", "/", "//"] {
            #expect(problem("http://127.0.0.1" + port(of: endpoint) + end, of: endpoint) == nil)
        }
        #expect(problem("HTTP://127.0.0.1" + port(of: endpoint), of: endpoint) == nil)
    }

    @Test("The request succeeds with each installed libcurl")
    func libraries() throws {
        let endpoint = try endpoint()
        let exporter = try RemoteExporter("http://127.0.0.1" + port(of: endpoint))
        for name in Libcurl.names where Libcurl([name]) != nil {
            #expect(try exporter.fetch(Self.path, with: ["libnothing.so.1", name]) == Array(Self.json.utf8), "\(name)")
        }
        let error = #expect(throws: RemoteError.self) { try exporter.fetch(Self.path, with: ["libnothing.so.1"]) }
        #expect(error?.problem == .noLibrary)
        withExtendedLifetime(endpoint) {}
        #expect(error?.description.hasSuffix("install it: apt install libcurl4") == true)
    }

    @Test("TLS requires a trusted authority or the insecure mode")
    func trust() throws {
        try files.make("server")
        try files.make("other")
        let endpoint = try endpoint("tls_server_config: {cert_file: server.pem, key_file: server.key}\n")
        let url = "https://127.0.0.1" + port(of: endpoint)
        #expect(problem(url, of: endpoint) { $0.authorities = files.file("server.pem") } == nil)
        #expect(problem(url, of: endpoint) { $0.isInsecure = true } == nil)
        for authorities in [nil, files.file("other.pem")] {
            #expect(kind(problem(url, of: endpoint) { $0.authorities = authorities }) == "notTrusted")
        }
        // It is trusted as 127.0.0.1 only.
        let elsewhere = problem("https://localhost" + port(of: endpoint), of: endpoint) {
            $0.authorities = files.file("server.pem")
        }
        #expect(kind(elsewhere) == "notTrusted")
        #expect(problem("http://127.0.0.1" + port(of: endpoint), of: endpoint) == .ended)
    }

    @Test("HTTPS to a plain HTTP server is reported as an error")
    func noTLS() throws {
        let endpoint = try endpoint()
        #expect(kind(problem("https://127.0.0.1" + port(of: endpoint), of: endpoint)) == "noTLS")
    }

    @Test("The client certificate's key may be in a separate file or in the same one")
    func clientCertificate() throws {
        try files.make("server")
        try files.make("client")
        let files = self.files
        let pair = try ["client.pem", "client.key"].map { try String(contentsOfFile: files.file($0), encoding: .utf8) }
        try files.write(pair.joined(), to: "both.pem")
        let endpoint = try endpoint(
            """
            tls_server_config:
              cert_file: server.pem
              key_file: server.key
              client_auth_type: RequireAndVerifyClientCert
              client_ca_file: client.pem
            """
        )
        let url = "https://127.0.0.1" + port(of: endpoint)
        let authorities = files.file("server.pem")
        #expect(
            problem(url, of: endpoint) {
                ($0.authorities, $0.certificate, $0.key) = (
                    authorities, files.file("client.pem"), files.file("client.key")
                )
            } == nil
        )
        #expect(
            problem(url, of: endpoint) { ($0.authorities, $0.certificate) = (authorities, files.file("both.pem")) }
                == nil
        )
        // By TLS 1.3 the request may be on its way when the server refuses: then it ends with a
        // reset, which can come before the alert is read, for one libcurl and not for the other.
        for library in Libcurl.names where Libcurl([library]) != nil {
            let without = kind(problem(url, of: endpoint, by: [library]) { $0.authorities = authorities })
            #expect(["noTLS", "endedOverTLS"].contains(without), "\(library)")
        }
        // A certificate without a key, and a key that is another's.
        for key in [nil, files.file("server.key")] {
            // GnuTLS does not say that it is the file.
            let problem = problem(url, of: endpoint, by: [Libcurl.names[0]]) { access in
                access.authorities = authorities
                access.certificate = files.file("client.pem")
                access.key = key
            }
            #expect(kind(problem) == "badFile")
        }
    }

    @Test("An exporter with users requires a valid user and password")
    func users() throws {
        let hash = "$2b$04$Rpr.z4NbpGtRny/HBusbk.OzpoSaaX219HIPkqvmmGRVFmzZpt7JO"
        let endpoint = try endpoint("basic_auth_users: {alice: \(hash)}\n")
        let url = "http://127.0.0.1" + port(of: endpoint)
        #expect(problem(url, of: endpoint) == .wantsUser)
        #expect(problem(url, of: endpoint) { $0.user = ("alice", "secret") } == nil)
        #expect(problem(url, of: endpoint) { $0.user = ("alice", "") } == .refusesUser)
        #expect(problem(url, of: endpoint) { $0.user = ("bob", "secret") } == .refusesUser)
    }

    @Test("An unknown path is reported as an older exporter or as another program")
    func older() throws {
        let older = try endpoint(knowsPath: false)
        #expect(problem("http://127.0.0.1" + port(of: older), of: older) == .olderExporter(Self.path))
        let server = try CannedServer("HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\nnot found\n")
        #expect(problem("http://127.0.0.1:\(server.port)", of: server) == .nothingThere(Self.path))
        let newer = try endpoint()
        #expect(problem("http://127.0.0.1" + port(of: newer) + Self.path, of: newer) == .pathInURL)
    }

    @Test(
        "The error describes an unexpected answer",
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", .noJSON("text/html")),
            ("HTTP/1.1 200 OK\r\n\r\n{}", .noJSON("")),
            ("HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\n\r\n", .status(301, "")),
            ("HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\n\r\nNo.\nReally.\n", .status(403, "No")),
            ("HTTP/1.1 503 Busy\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nLater.\n", .status(503, "Later")),
            ("", .ended),
        ] as [(String, RemoteError.Problem)]
    )
    func other(answer: String, expected: RemoteError.Problem) throws {
        let server = try CannedServer(answer)
        #expect(problem("http://127.0.0.1:\(server.port)", of: server) == expected)
    }

    @Test("The error identifies a server that does not speak HTTP")
    func noHTTP() throws {
        let server = try CannedServer("SSH-2.0-OpenSSH_9.2\r\n")
        #expect(kind(problem("http://127.0.0.1:\(server.port)", of: server)) == "noHTTP")
    }

    @Test("An answer of 8 MiB is accepted, and a longer one is refused")
    func length() throws {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
        let most = RemoteExporter.longestAnswer
        let long = try CannedServer(head + String(repeating: "1", count: most))
        #expect(try RemoteExporter("http://127.0.0.1:\(long.port)").fetch("/").count == most)
        withExtendedLifetime(long) {}
        let longer = try CannedServer(head + String(repeating: "1", count: most + 1))
        #expect(problem("http://127.0.0.1:\(longer.port)", of: longer) == .tooLong)
    }

    @Test("A silent server causes an error after the timeout")
    func timeout() throws {
        let server = try CannedServer(nil)
        let problem = problem("http://127.0.0.1:\(server.port)", of: server) { $0.timeout = .milliseconds(300) }
        #expect(kind(problem) == "timeout")
    }

    @Test("The error identifies an unreachable server, an unknown host and a missing port")
    func nothing() throws {
        let endpoint = try endpoint()
        endpoint.stop(drain: .zero)
        let url = "http://127.0.0.1" + port(of: endpoint)
        #expect(problem(url, of: endpoint) == .nothingListens(hasPort: true))
        #expect(problem("http://127.0.0.13", of: endpoint) == .nothingListens(hasPort: false))
        // A name so long that nobody is asked for it.
        #expect(problem("http://\(String(repeating: "x", count: 64)):10057", of: endpoint) == .unknownHost)
    }

    @Test(
        "An invalid URL is refused without a request",
        arguments: [
            "", "web-1", "web-1:10057", "ftp://web-1", "file:///etc/passwd", "http:/web-1", "http://", "http://:10057",
            "http:///metrics", "http://web-1:10057?a=b", "http://web-1:10057/#a", "http://web 1",
            "http://web-1\r\nX: y",
        ]
    )
    func badURL(url: String) {
        let error = #expect(throws: RemoteError.self) { try RemoteExporter(url) }
        #expect(error.map { kind($0.problem) } == "badURL")
        #expect(
            error?.description.hasSuffix("expected http:// or https://, a host and a port, as http://web-1:10057")
                == true
        )
    }

    @Test("A URL with a password is refused without showing it")
    func passwordInURL() {
        let error = #expect(throws: RemoteError.self) { try RemoteExporter("http://alice:se@cret@web-1:10057") }
        #expect(
            error?.description
                == "--url http://…@web-1:10057: the user does not belong here; give NAME:PASSWORD with --user"
        )
    }

    @Test("An unreadable or invalid certificate file is reported as an error")
    func badFiles() throws {
        let endpoint = try endpoint()
        let url = "https://127.0.0.1" + port(of: endpoint)
        let missing = RemoteError.Problem.badFile("--cacert '/nowhere/ca.pem': No such file or directory")
        #expect(problem(url, of: endpoint) { $0.authorities = "/nowhere/ca.pem" } == missing)
        try files.write("nothing\n", to: "empty.pem")
        #expect(
            kind(problem(url, of: endpoint, by: [Libcurl.names[0]]) { $0.authorities = files.file("empty.pem") })
                == "badFile"
        )
    }
}
