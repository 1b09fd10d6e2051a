import Endpoint
import Testing

@Suite("A part of the page")
struct SectionTests {
    private func endpoint() throws -> Endpoint {
        let endpoint = try Endpoint.forTest()
        let names: [String?] = ["a", "b", "c", nil]
        let body = Array("abc.".utf8)
        let sections = names.enumerated().map { Endpoint.Page.Section(name: $1, range: $0..<$0 + 1) }
        let page = Endpoint.Page([.init(body: body, contentType: Endpoint.contentType, sections: sections)])
        endpoint.publish(page, sampledAt: monotonicTime())
        return endpoint
    }

    @Test(
        "The query selects the sections, which keep the order of the page and its end",
        arguments: [
            ("", "abc."), ("?", "abc."), ("?other=a&collect=b&exclude=c", "abc."), ("?collect[]=a", "a."),
            ("?collect%5B%5D=a", "a."), ("?collect[]=c&collect[]=a", "ac."), ("?collect[]=b&collect[]=b", "b."),
            ("?exclude[]=b", "ac."), ("?exclude[]=a&exclude[]=b&exclude[]=c", "."), ("?x&exclude[]=a&y=z", "bc."),
        ]
    )
    func part(query: String, body: String) throws {
        let answer = try endpoint().get("/metrics" + query)
        #expect(answer.status == 200)
        #expect(answer.text == body)
    }

    @Test(
        "A query with an unknown section is answered with 400 and the valid names",
        arguments: [
            ("collect[]=d", "collector \"d\""), ("collect[]=a&collect[]=d", "collector \"d\""),
            ("exclude[]=d", "collector \"d\""),
            ("collect[]=A", "collector \"A\""), ("collect[]=%64_%31", "collector \"d_1\""),
            ("collect[]=", "such collector"),
            ("collect[]", "such collector"), ("collect[]=a%00", "such collector"), ("collect[]=a,b", "such collector"),
            ("collect[]=a+b%2Bc", "such collector"), ("collect[]=%zz%4", "such collector"),
            ("collect[]=a=b", "such collector"),
            ("collect[]=%3Cscript%3E", "such collector"),
            ("collect[]=\(String(repeating: "x", count: 1000))", "such collector"),
        ]
    )
    func unknown(query: String, what: String) throws {
        let answer = try endpoint().get("/metrics?" + query)
        #expect(answer.status == 400)
        #expect(answer.headers["content-type"] == "text/plain; charset=utf-8")
        #expect(answer.text == "There is no \(what); those of the page are a, b, c.\n")
    }

    @Test("A query of a hundred arguments selects its section")
    func manyArguments() throws {
        let endpoint = try endpoint()
        let query = String(repeating: "&collect[]=a", count: 100)
        #expect(try endpoint.get("/metrics?\(query)").text == "a.")
    }

    @Test("A query with more arguments than libmicrohttpd accepts ends by the deadline")
    func tooManyArguments() throws {
        let endpoint = try Endpoint.forTest { $0.requestTimeout = 1 }
        let client = try endpoint.client()
        try client.request("GET", "/metrics?" + String(repeating: "&collect[]=a", count: 2000))
        #expect(!(try client.rest()).contains("200 OK"))
    }

    @Test("A query that combines collect[] with exclude[] is answered with 400")
    func both() throws {
        let answer = try endpoint().get("/metrics?exclude[]=a&collect[]=b")
        #expect(answer.status == 400)
        #expect(answer.text == "collect[] and exclude[] cannot be combined; ask with one of them.\n")
    }
}
