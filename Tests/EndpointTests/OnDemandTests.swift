import Endpoint
import Foundation
import Synchronization
import Testing

@Suite("An on-demand page")
struct OnDemandTests {
    /// Makes pages that say how many were made before; a test can hold it.
    private final class Maker: Sendable {
        private let made = Mutex(0)
        private let held = Mutex(false)

        var count: Int { made.withLock { $0 } }

        func hold() { held.withLock { $0 = true } }
        func release() { held.withLock { $0 = false } }

        func make(_ arguments: [String: Int]) -> Endpoint.Page {
            let number = made.withLock { made in
                made += 1
                return made
            }
            while held.withLock({ $0 }) { usleep(1_000) }
            let words =
                ["made", "\(number)"] + arguments.map { "\($0)=\($1)" } + [String(repeating: "x", count: 9_000)]
            return Endpoint.Page(
                body: Array(words.joined(separator: " ").utf8),
                contentType: "text/html; charset=utf-8"
            )
        }
    }

    private let maker = Maker()

    private func endpoint(
        headers: [(name: String, value: String)] = [],
        _ change: (inout Endpoint.Settings) -> Void = { _ in }
    ) throws -> Endpoint {
        try Endpoint.forTest { [maker] settings in
            settings.onDemandPages = [
                .init(path: "/", headers: headers, arguments: ["refresh": 1...3600]) { maker.make($0) },
                .init(path: "/own/json") { _ in .init(body: Array("{}".utf8), contentType: "application/json") },
            ]
            settings.onDemandWait = .seconds(600)
            change(&settings)
        }
    }

    /// Which page it is, and for which arguments.
    private func words(_ answer: Answer) -> [Substring] { answer.text.split(separator: " ").dropLast() }

    @Test("An on-demand page is generated once per published page, however many clients request it")
    func once() throws {
        let endpoint = try endpoint()
        for number in 1...3 {
            endpoint.publish("up 1\n")
            maker.hold()
            let clients = try (1...50).map { _ in try endpoint.client() }
            for client in clients { try client.request("GET", "/") }
            #expect(becomesTrue { maker.count == number })
            maker.release()
            for client in clients {
                let answer = try client.answer()
                #expect(answer.status == 200)
                #expect(words(answer) == ["made", "\(number)"])
                #expect(answer.headers["content-type"] == "text/html; charset=utf-8")
                #expect(answer.headers["cache-control"] == "no-store")
            }
            for client in clients { #expect(try words(client.get("/")) == ["made", "\(number)"]) }
            #expect(maker.count == number)
        }
    }

    @Test("An on-demand page that nobody requests is not generated")
    func notAsked() throws {
        let endpoint = try endpoint()
        for number in 1...10 {
            endpoint.publish("page \(number)")
            #expect(try endpoint.get("/metrics").text == "page \(number)")
            #expect(try endpoint.get("/own/json").text == "{}")
        }
        #expect(maker.count == 0)
    }

    @Test("The generation of an on-demand page delays neither a scrape nor the next published page")
    func slow() throws {
        let endpoint = try endpoint()
        endpoint.publish("page 1")
        maker.hold()
        let waiting = try endpoint.client()
        try waiting.request("GET", "/")
        #expect(becomesTrue { maker.count == 1 })
        #expect(try endpoint.get("/metrics").text == "page 1")
        endpoint.publish("page 2")
        #expect(try endpoint.get("/metrics").text == "page 2")
        #expect(try endpoint.get("/-/ready").status == 200)
        #expect(!waiting.hears(withinMilliseconds: 100))
        maker.release()
        #expect(try words(waiting.answer()) == ["made", "1"])
        // What was made for the page of before is not kept.
        #expect(try words(waiting.get("/")) == ["made", "2"])
    }

    @Test("An on-demand page whose generation does not end does not delay the stop")
    func stopping() throws {
        let endpoint = try endpoint()
        endpoint.publish("up 1\n")
        maker.hold()
        defer { maker.release() }
        let waiting = try endpoint.client()
        try waiting.request("GET", "/")
        #expect(becomesTrue { maker.count == 1 })
        let start = monotonicTime()
        endpoint.stop(drain: .seconds(60))
        #expect(monotonicTime() - start < .seconds(30))
        let answer = try waiting.answer()
        #expect(answer.status == 503)
        #expect(answer.text == "The exporter is stopping.\n")
    }

    @Test("An on-demand page that exceeds its time is answered with 503 until it is generated")
    func deadline() throws {
        let endpoint = try endpoint { $0.onDemandWait = .milliseconds(500) }
        endpoint.publish("up 1\n")
        maker.hold()
        let start = monotonicTime()
        for path in ["/", "/", "/own/json"] {
            let answer = try endpoint.get(path)
            #expect(answer.status == 503)
            #expect(answer.headers["retry-after"] == "1")
            #expect(answer.text == "The page was not ready in time; try again.\n")
            #expect(monotonicTime() - start >= .milliseconds(500))
        }
        #expect(maker.count == 1)
        maker.release()
        #expect(try becomesTrue { try endpoint.get("/").status == 200 })
        // What makes it may not get the processor in time.
        #expect(try becomesTrue { try endpoint.get("/own/json").status == 200 })
    }

    @Test("An on-demand page is refused while too many variants wait to be generated")
    func queue() throws {
        let endpoint = try endpoint()
        endpoint.publish("up 1\n")
        maker.hold()
        let clients = try (1...4).map { number in
            let client = try endpoint.client()
            try client.request("GET", "/?refresh=\(number)")
            // Requests that come at the same time are taken in any order.
            #expect(becomesTrue { maker.count == 1 && endpoint.statistics.active == number })
            return client
        }
        // The last one of them may not have come so far.
        #expect(try becomesTrue { try endpoint.get("/own/json").status == 503 })
        maker.release()
        for (place, client) in clients.enumerated() {
            #expect(try words(client.answer()) == ["made", "\(place + 1)", "refresh=\(place + 1)"])
        }
    }

    @Test("A HEAD request for an on-demand page is answered like GET, without the body")
    func head() throws {
        let endpoint = try endpoint()
        endpoint.publish("up 1\n")
        let client = try endpoint.client()
        try client.request("HEAD", "/")
        let head = try client.answer(withBody: false)
        let get = try client.get("/")
        #expect(head.status == 200)
        #expect(try head.contentLength == get.body.count)
        #expect(maker.count == 1)
    }

    @Test("The gzip form of an on-demand page is compressed without a new generation")
    func gzip() throws {
        let endpoint = try endpoint()
        endpoint.publish("up 1\n")
        let plain = try endpoint.get("/")
        for _ in 1...2 {
            let client = try endpoint.client()
            try client.request("GET", "/", headers: ["Accept-Encoding: gzip"])
            let answer = try client.answer()
            #expect(answer.headers["content-encoding"] == "gzip")
            #expect(answer.body.count < 1_000)
            #expect(try Program.run("gzip", ["-dc"], input: answer.body) == plain.body)
        }
        #expect(maker.count == 1)
    }

    @Test("An on-demand page is subject to the password and to the rate limit")
    func guarded() throws {
        let folder = try Folder()
        let hash = "$2b$04$Rpr.z4NbpGtRny/HBusbk.OzpoSaaX219HIPkqvmmGRVFmzZpt7JO"
        try folder.write("basic_auth_users: {alice: \(hash)}\nrate_limit: {interval: 1h, burst: 3}\n", to: "web.yml")
        let file = folder.file("web.yml")
        let endpoint = try endpoint { $0.configurationFile = file }
        endpoint.publish("up 1\n")
        let client = try endpoint.client()
        #expect(try client.get("/").status == 401)
        #expect(try client.get("/own/json").status == 401)
        #expect(maker.count == 0)
        let right = ["Authorization: Basic \(Data("alice:secret".utf8).base64EncodedString())"]
        try client.request("GET", "/", headers: right)
        #expect(try client.answer().status == 200)
        try client.request("GET", "/", headers: right)
        #expect(try client.answer().status == 429)
    }

    @Test("An on-demand page waits for the first published page, and times out with 503")
    func first() throws {
        let impatient = try endpoint()
        let answer = try impatient.get("/")
        #expect(answer.status == 503)
        #expect(answer.text == "There is no sample yet; the first comes within seconds.\n")
        let endpoint = try endpoint { $0.firstPageWait = .seconds(600) }
        let client = try endpoint.client()
        try client.request("GET", "/")
        #expect(!client.hears(withinMilliseconds: 200))
        #expect(maker.count == 0)
        endpoint.publish("up 1\n")
        #expect(try words(client.answer()) == ["made", "1"])
    }

    @Test("An on-demand page is served although the published page is too old")
    func stale() throws {
        let endpoint = try endpoint()
        endpoint.publish("up 1\n", age: .seconds(3601))
        #expect(try endpoint.get("/metrics").status == 503)
        #expect(try endpoint.get("/").status == 200)
    }

    @Test("An on-demand page is generated once per variant, and two variants are cached")
    func forms() throws {
        let endpoint = try endpoint()
        endpoint.publish("up 1\n")
        let client = try endpoint.client()
        for _ in 1...2 {
            #expect(try words(client.get("/?other=1")) == ["made", "1"])
            #expect(try words(client.get("/?refresh=10")) == ["made", "2", "refresh=10"])
            #expect(try words(client.get("/?a&refresh=0010")) == ["made", "2", "refresh=10"])
        }
        #expect(try words(client.get("/?refresh=20")) == ["made", "3", "refresh=20"])
        #expect(try words(client.get("/?refresh=10")) == ["made", "2", "refresh=10"])
        #expect(try words(client.get("/")) == ["made", "4"])
    }

    @Test(
        "An on-demand page answers an invalid query with 400 and is not generated",
        arguments: [
            "refresh=", "refresh", "refresh=0", "refresh=3601", "refresh=-1", "refresh=+1", "refresh=%2B1",
            "refresh=1.5", "refresh=10s", "refresh=0x10", "refresh=99999999999999999999", "refresh=1&refresh=1",
            "refresh=<b>",
        ]
    )
    func query(query: String) throws {
        let endpoint = try endpoint()
        endpoint.publish("up 1\n")
        let answer = try endpoint.get("/?\(query)")
        #expect(answer.status == 400)
        #expect(answer.text == "refresh has to be one whole number from 1 to 3600.\n")
        #expect(maker.count == 0)
    }

    @Test("An on-demand page supports the same methods and path redirects as other pages")
    func methods() throws {
        let endpoint = try endpoint()
        endpoint.publish("up 1\n")
        let client = try endpoint.client()
        for path in ["/", "/own/json"] {
            try client.request("POST", path)
            #expect(try client.answer().status == 405)
            try client.request("OPTIONS", path)
            #expect(try client.answer().headers["allow"] == "GET, HEAD, OPTIONS")
        }
        #expect(try client.get("/own//json?a=b").headers["location"] == "/own/json?a=b")
        #expect(try client.get("/own/json/").status == 404)
        #expect(maker.count == 0)
    }

    @Test("The telemetry path takes precedence over an on-demand page")
    func telemetryPath() throws {
        let page = Endpoint.OnDemandPage(path: "/") { [maker] in maker.make($0) }
        let endpoint = try Endpoint.forTest(telemetryPath: "/") { $0.onDemandPages = [page] }
        endpoint.publish("up 1\n")
        #expect(try endpoint.get("/").text == "up 1\n")
    }

    @Test("Headers of the web configuration file override those of an on-demand page")
    func headers() throws {
        let folder = try Folder()
        let file = folder.file("web.yml")
        try folder.write("http_server_config: {headers: {X-Frame-Options: deny}}\n", to: "web.yml")
        let endpoint = try endpoint(headers: [("Content-Security-Policy", "default-src 'none'")]) {
            $0.configurationFile = file
        }
        endpoint.publish("up 1\n")
        /// The values of a header, each time that it is there.
        func values(_ name: String) throws -> [Substring] {
            let client = try endpoint.client()
            try client.request("GET", "/", headers: ["Connection: close"])
            let lines = try client.rest().split(separator: "\r\n").filter { $0.hasPrefix("\(name): ") }
            return lines.map { $0.dropFirst(name.count + 2) }
        }
        #expect(try values("Content-Security-Policy") == ["default-src 'none'"])
        #expect(try values("X-Frame-Options") == ["deny"])
        try folder.write("http_server_config: {headers: {Content-Security-Policy: default-src *}}\n", to: "web.yml")
        #expect(try becomesTrue { try values("Content-Security-Policy") == ["default-src *"] })
        #expect(maker.count == 1)
    }
}
