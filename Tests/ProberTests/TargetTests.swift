import Prober
import Testing

@Suite("Targets of the prober")
struct TargetTests {
    private static func module(_ name: String) throws -> ProbeModule {
        try #require(ProbeModule.builtIn.first { $0.name == name })
    }

    @Test(
        "A target is accepted as its module writes it",
        arguments: [
            ("listen", "8080"), ("listen", "127.0.0.1:8080"), ("listen", "[::1]:8080"), ("tcp", "db.example:5432"),
            ("tcp", "10.0.0.5:1"), ("tcp", "[2001:db8::1]:65535"), ("http", "http://web-1:8080/health?x=1"),
            ("http", "https://web-1/"), ("http", "HTTPS://web-1"), ("http", "web-1:8080"), ("http", "http://[::1]/"),
        ]
    )
    func accepted(name: String, text: String) throws {
        #expect(try Target(text, Self.module(name)).name == text)
    }

    @Test(
        "A target that its module cannot probe is refused, with an example of one that it can",
        arguments: [
            ("listen", "0"), ("listen", "65536"), ("listen", "web-1:80"), ("listen", "127.0.0.1"), ("tcp", "8080"),
            ("tcp", "db.example"), ("tcp", "db.example:0"), ("tcp", "db.example:65536"), ("tcp", "db.example:+1"),
            ("tcp", ":80"), ("tcp", "::1:80"), ("tcp", "[::1]"), ("tcp", "[web]:80"), ("tcp", "a b:80"),
            ("tcp", "http://web-1:80/"), ("http", "ftp://web-1/"), ("http", "http://"), ("http", "http://user@web-1/"),
            ("http", "http://web-1:x/"), ("http", "http://web-1/a b"), ("http", "http://web-1/\r\nX: y"), ("http", ""),
        ]
    )
    func refused(name: String, text: String) throws {
        let module = try Self.module(name)
        let error = #expect(throws: Target.SyntaxError.self) { try Target(text, module) }
        #expect(error?.description.contains("expected one as") == true)
        #expect(error?.description.contains("\n") == false)
    }

    @Test("Two targets are the same if they have one text and one module")
    func identity() throws {
        let (tcp, http) = (try Self.module("tcp"), try Self.module("http"))
        #expect(try Target("web-1:80", tcp) == Target("web-1:80", tcp))
        #expect(try Target("web-1:80", tcp) != Target("web-1:80", http))
        var slower = tcp
        slower.interval = .seconds(60)
        #expect(try Target("web-1:80", tcp) != Target("web-1:80", slower))
    }
}
