import Exposition
import Testing

@Suite("The text format")
struct TextWriterTests {
    private func text(_ format: TextFormat = .prometheus, _ write: (inout TextWriter) -> Void) -> String {
        var writer = TextWriter(format)
        write(&writer)
        return String(decoding: writer.page().bytes, as: UTF8.self)
    }

    @Test("The text format writes HELP and TYPE before the first sample of a family")
    func page() {
        let page = text { writer in
            writer.begin(section: "one")
            writer.begin(MetricFamily("requests_total", .counter, labels: ["code", "method"], "Requests."))
            writer.sample(3, "200", "GET")
            writer.sample(0, "404", "GET")
            writer.begin(MetricFamily("up", .gauge, "Whether it is up."))
            writer.sample(1)
        }
        #expect(
            page == """
                # HELP requests_total Requests.
                # TYPE requests_total counter
                requests_total{code="200",method="GET"} 3
                requests_total{code="404",method="GET"} 0
                # HELP up Whether it is up.
                # TYPE up gauge
                up 1

                """
        )
    }

    @Test("The text format leaves out a family without samples")
    func absent() {
        let page = text { writer in
            writer.begin(MetricFamily("absent", .gauge, "Not there."))
            writer.begin(MetricFamily("present", .gauge, "There."))
            writer.sample(0)
        }
        #expect(page == "# HELP present There.\n# TYPE present gauge\npresent 0\n")
        #expect(text { $0.begin(MetricFamily("absent", .gauge, "Not there.")) }.isEmpty)
    }

    @Test("The text format stops the process at a sample with too few labels")
    func missingLabel() async {
        await #expect(processExitsWith: .failure) {
            var writer = TextWriter(.prometheus)
            writer.begin(MetricFamily("requests_total", .counter, labels: ["code", "method"], "Requests."))
            writer.sample(3, "200")
        }
        await #expect(processExitsWith: .success) {
            var writer = TextWriter(.prometheus)
            writer.begin(MetricFamily("requests_total", .counter, labels: ["code", "method"], "Requests."))
            writer.sample(3, "200", "GET")
        }
    }

    @Test("The text format escapes backslashes, newlines and quotes in labels and help")
    func escaping() {
        let page = text { writer in
            writer.begin(MetricFamily("x", .gauge, labels: ["path"], "A \\ and a\nnewline, a \" as it is."))
            writer.sample(1, "C:\\dir\n\"quoted\" ü")
        }
        #expect(page.contains("# HELP x A \\\\ and a\\nnewline, a \" as it is.\n"))
        #expect(page.contains(#"x{path="C:\\dir\n\"quoted\" ü"} 1"#))
    }

    @Test(
        "The text format writes floating-point numbers as Prometheus parses them",
        arguments: [
            (0, "0"), (-0.0, "0"), (60, "60"), (-7, "-7"), (0.5, "0.5"), (1e-5, "1e-05"),
            (9_007_199_254_740_991, "9007199254740991"),
            (1e18, "1e+18"), (1_795_429_921.5, "1795429921.5"), (.infinity, "+Inf"), (-.infinity, "-Inf"),
            (.nan, "NaN"),
        ] as [(Double, String)]
    )
    func numbers(value: Double, text expected: String) {
        let page = text { writer in
            writer.begin(MetricFamily("x", .gauge, "."))
            writer.sample(value)
        }
        #expect(page.hasSuffix("\nx \(expected)\n"))
    }

    @Test(
        "The text format writes counters of any size without an exponent",
        arguments: [(12, "12"), (1 << 53 + 1, "9007199254740993"), (.max, "18446744073709551615")] as [(UInt64, String)]
    )
    func counters(value: UInt64, text expected: String) {
        let counter: UInt64? = value
        let page = text { writer in
            writer.begin(MetricFamily("x_total", .counter, "."))
            if let counter { writer.sample(counter) }
        }
        #expect(page.hasSuffix("\nx_total \(expected)\n"))
    }

    @Test("The text format splits the page into adjacent sections")
    func sections() {
        var writer = TextWriter(.prometheus)
        for name in ["first", "second", "third"] {
            writer.begin(section: name)
            guard name != "second" else { continue }
            writer.begin(MetricFamily(name, .gauge, "."))
            writer.sample(1)
        }
        let page = writer.page()
        #expect(page.sections.map(\.name) == ["first", "second", "third"])
        #expect(
            page.sections.map { String(decoding: page.bytes[$0.range], as: UTF8.self) }.joined().utf8.count
                == page.bytes.count
        )
        #expect(page.sections[1].range.isEmpty)
        #expect(String(decoding: page.bytes[page.sections[2].range], as: UTF8.self).hasPrefix("# HELP third"))
    }

    @Test("OpenMetrics drops _total in HELP and TYPE and ends the page with # EOF")
    func openMetrics() {
        let page = text(.openMetrics) { writer in
            writer.begin(section: "one")
            writer.begin(MetricFamily("requests_total", .counter, labels: ["path"], "The \"requests\" \\ answers."))
            writer.sample(3, "a\"b")
            writer.begin(MetricFamily("in_total", .gauge, "A gauge keeps its name."))
            writer.sample(Double.infinity)
        }
        #expect(
            page == #"""
                # HELP requests The \"requests\" \\ answers.
                # TYPE requests counter
                requests_total{path="a\"b"} 3
                # HELP in_total A gauge keeps its name.
                # TYPE in_total gauge
                in_total +Inf
                # EOF

                """#
        )
    }

    @Test("OpenMetrics puts # EOF in a section without a name")
    func end() {
        var writer = TextWriter(.openMetrics)
        writer.begin(section: "one")
        writer.begin(MetricFamily("up", .gauge, "."))
        writer.sample(1)
        let page = writer.page()
        #expect(page.sections.map(\.name) == ["one", nil])
        #expect(page.sections[0].range.upperBound == page.sections[1].range.lowerBound)
        #expect(String(decoding: page.bytes[page.sections[1].range], as: UTF8.self) == "# EOF\n")
    }

    @Test("The least number that an Int holds is written like every other")
    func leastNumber() {
        var writer = TextWriter(.prometheus)
        writer.begin(section: "one")
        writer.begin(MetricFamily("least", .gauge, "."))
        writer.sample(Int.min)
        #expect(String(decoding: writer.page().bytes, as: UTF8.self).hasSuffix("\nleast -9.223372036854776e+18\n"))
    }
}
