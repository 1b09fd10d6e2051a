import Endpoint
import Testing

@Suite("A request")
struct RouteTests {
    private let noPage = "There is no sample yet; the first comes within seconds.\n"
    private let stale = "The newest sample is older than 3600.0 seconds, which is the most that is allowed.\n"

    @Test("A request for the telemetry path returns the page with its published content type")
    func page() throws {
        let endpoint = try Endpoint.forTest()
        endpoint.publish("up 1\n")
        let answer = try endpoint.get("/metrics")
        #expect(answer.status == 200)
        #expect(answer.text == "up 1\n")
        #expect(answer.headers["content-type"] == Endpoint.contentType)
    }

    @Test(
        "A request before the first page is answered with 503 and a Retry-After of one second",
        arguments: ["/metrics", "/-/ready"]
    )
    func beforeTheFirstPage(path: String) throws {
        let answer = try Endpoint.forTest().get(path)
        #expect(answer.status == 503)
        #expect(answer.headers["retry-after"] == "1")
        #expect(answer.text == noPage)
    }

    @Test(
        "A request is answered with 503 and the maximum age while the page is too old",
        arguments: ["/metrics", "/-/ready"]
    )
    func stalePage(path: String) throws {
        let endpoint = try Endpoint.forTest()
        endpoint.publish("old", age: .seconds(3601))
        let answer = try endpoint.get(path)
        #expect(answer.status == 503)
        #expect(answer.text == stale)
        endpoint.publish("new")
        #expect(try endpoint.get(path).status == 200)
    }

    @Test("A request returns a page just below the maximum age")
    func nearlyStalePage() throws {
        let endpoint = try Endpoint.forTest()
        endpoint.publish("old", age: .seconds(3000))
        #expect(try endpoint.get("/metrics").text == "old")
    }

    @Test("A request returns an empty page")
    func emptyPage() throws {
        let endpoint = try Endpoint.forTest()
        endpoint.publish("")
        let answer = try endpoint.get("/metrics")
        #expect(answer.status == 200)
        #expect(try answer.contentLength == 0)
    }

    @Test("A request for / returns the landing page")
    func landing() throws {
        let answer = try Endpoint.forTest().get("/")
        #expect(answer.status == 200)
        #expect(answer.text == "<h1>landing</h1>")
        #expect(answer.headers["content-type"] == "text/html; charset=utf-8")
    }

    @Test("A request for / returns the metrics page when / is the telemetry path")
    func telemetryAtRoot() throws {
        let endpoint = try Endpoint.forTest(telemetryPath: "/")
        endpoint.publish("up 1\n")
        #expect(try endpoint.get("/").text == "up 1\n")
        #expect(try endpoint.get("/metrics").status == 404)
    }

    @Test("The health probe succeeds without a page, and the readiness probe requires one")
    func probes() throws {
        let endpoint = try Endpoint.forTest()
        #expect(try endpoint.get("/-/healthy").text == "Healthy.\n")
        #expect(try endpoint.get("/-/ready").status == 503)
        endpoint.publish("up 1\n")
        let ready = try endpoint.get("/-/ready")
        #expect(ready.status == 200)
        #expect(ready.text == "Ready.\n")
    }

    @Test(
        "A request for an unknown path is answered with 404 and the telemetry path",
        arguments: ["/metric", "/metrics/", "/own/metrics/", "/Metrics", "/-/", "http://test/metrics"]
    )
    func notFound(target: String) throws {
        let endpoint = try Endpoint.forTest(telemetryPath: "/own/metrics")
        let answer = try endpoint.get(target)
        #expect(answer.status == 404)
        #expect(answer.headers["content-type"] == "text/plain; charset=utf-8")
        #expect(answer.text == "There is nothing here; the metrics are at /own/metrics.\n")
    }

    @Test(
        "A request with empty or dotted path segments is redirected to the normalized path",
        arguments: [
            ("//metrics", "/metrics"), ("/./metrics", "/metrics"), ("/x/../metrics", "/metrics"), ("//", "/"),
            ("/metrics/..", "/"), ("/metrics%2f..", "/"), ("/../-/./healthy", "/-/healthy"),
            ("//metrics?a=b%20c&d", "/metrics?a=b%20c&d="),
            ("http://test//metrics?x=%0d%0aY:%20z", "/metrics?x=%0D%0AY%3A%20z"),
        ]
    )
    func redirect(target: String, location: String) throws {
        let answer = try Endpoint.forTest().get(target)
        #expect(answer.status == 301)
        #expect(answer.headers["location"] == location)
    }

    @Test(
        "A request with an absolute URI is answered like its path",
        arguments: ["http://test/metrics", "https://other:8080/metrics?a=b", "HTTP://test/metrics"]
    )
    func absoluteForm(target: String) throws {
        let endpoint = try Endpoint.forTest()
        endpoint.publish("up 1\n")
        #expect(try endpoint.get(target).text == "up 1\n")
        #expect(try endpoint.get("http://test").text == "<h1>landing</h1>")
        #expect(try endpoint.get("http://test/nothing").status == 404)
    }

    @Test(
        "An OPTIONS request is answered with the allowed methods",
        arguments: ["/metrics", "/", "/-/healthy", "/-/ready", "*"]
    )
    func options(target: String) throws {
        let client = try Endpoint.forTest().client()
        try client.request("OPTIONS", target)
        let answer = try client.answer()
        #expect(answer.status == 200)
        #expect(answer.headers["allow"] == "GET, HEAD, OPTIONS")
        #expect(try client.get("*").status == 400)
    }

    @Test(
        "A request is routed regardless of its query and of percent-encoding in its path",
        arguments: ["/metrics?", "/metrics?a=b&c", "/%6Detrics"]
    )
    func query(target: String) throws {
        let endpoint = try Endpoint.forTest()
        endpoint.publish("up 1\n")
        #expect(try endpoint.get(target).text == "up 1\n")
    }

    @Test(
        "A HEAD request is answered like GET, without the body",
        arguments: ["/metrics", "/", "/-/healthy", "/-/ready", "/nothing"]
    )
    func head(path: String) throws {
        let endpoint = try Endpoint.forTest()
        endpoint.publish(String(repeating: "x", count: 100_000))
        let client = try endpoint.client()
        var get = try client.get(path)
        try client.request("HEAD", path)
        let head = try client.answer(withBody: false)
        // The next answer would be garbled if a body had come.
        #expect(try client.get("/-/healthy").text == "Healthy.\n")
        #expect(head.status == get.status)
        get.body = []
        var (headHeaders, getHeaders) = (head.headers, get.headers)
        headHeaders["date"] = nil
        getHeaders["date"] = nil
        #expect(headHeaders == getHeaders)
    }

    @Test(
        "Any other method on a known path is answered with 405 and the allowed methods",
        arguments: ["POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "BREW"],
        ["/metrics", "/", "/-/healthy", "/-/ready"]
    )
    func otherMethods(method: String, path: String) throws {
        let client = try Endpoint.forTest().client()
        try client.request(method, path)
        let answer = try client.answer()
        #expect(answer.status == 405)
        #expect(answer.headers["allow"] == "GET, HEAD, OPTIONS")
        #expect(answer.text == "Only GET and HEAD are answered here.\n")
    }

    @Test("Any other method on an unknown path is answered with 404")
    func otherMethodElsewhere() throws {
        let client = try Endpoint.forTest().client()
        try client.request("POST", "/nothing")
        #expect(try client.answer().status == 404)
    }
}
