import Testing
import WebConfiguration

@Suite("The section rate_limit")
struct RateLimitTests {
    @Test(
        "The interval is parsed as a Go duration",
        arguments: [
            ("1s", .seconds(1)), ("250ms", .milliseconds(250)), ("1m30s", .seconds(90)), ("1.5h", .seconds(5_400)),
            ("1h0m0.5s", .milliseconds(3_600_500)), ("3us", .microseconds(3)), ("3µs", .microseconds(3)),
            ("3μs", .microseconds(3)), ("7ns", .nanoseconds(7)), ("+2s", .seconds(2)), (".5s", .milliseconds(500)),
            ("5.s", .seconds(5)), ("'1s'", .seconds(1)), ("0.1s", .milliseconds(100)), ("0.3h", .seconds(1_080)),
            ("1.00000000000000000000000001s", .seconds(1)), ("1.0000000019s", .nanoseconds(1_000_000_001)),
            ("9223372036854775807ns", .nanoseconds(9_223_372_036_854_775_807)), ("10:1s", nil),
        ] as [(String, Duration?)]
    )
    func durations(text: String, interval: Duration?) throws {
        let text = "rate_limit:\n  interval: \(text)\n  burst: 5"
        if let interval {
            let found = try read(text)
            #expect(found.rateLimit?.interval == interval && found.rateLimit?.burst == 5 && found.warnings.isEmpty)
        } else {
            #expect(refusal(of: text) != nil)
        }
    }

    @Test(
        "A missing interval and an interval of 0 disable the rate limit",
        arguments: ["0", "'0'", "0s", "0h0m", "-0", "+0", "0.1ns"]
    )
    func off(interval: String) throws {
        #expect(try read("rate_limit:\n  interval: \(interval)\n  burst: 5") == WebConfiguration())
        #expect(try read("rate_limit:") == WebConfiguration())
        #expect(try read("rate_limit: {interval: , burst: }") == WebConfiguration())
    }

    @Test("A burst without an interval and a burst of 0 cause a warning")
    func warned() throws {
        let unlimited = try read("rate_limit:\n  burst: 5")
        #expect(unlimited.rateLimit == nil)
        #expect(
            unlimited.warnings.map(\.description) == [
                "web.yml:2: rate_limit.burst: no interval is given, and requests are not limited; interval: 1s limits them"
            ]
        )
        let missing = try read("rate_limit:\n  interval: 1s")
        #expect(missing.rateLimit == .init(interval: .seconds(1), burst: 0))
        #expect(
            missing.warnings.map(\.description) == [
                "web.yml:1: rate_limit: no burst is given, which means 0: every request is refused; expected 1 or more"
            ]
        )
        let zero = try read("rate_limit:\n  interval: 1s\n  burst: 0")
        #expect(zero.rateLimit == .init(interval: .seconds(1), burst: 0))
        #expect(
            zero.warnings.map(\.description) == [
                "web.yml:3: rate_limit.burst: a burst of 0: every request is refused; expected 1 or more"
            ]
        )
    }

    @Test(
        "The error for an invalid interval states the problem and the expected form",
        arguments: [
            ("5", "the number \"5\" has no unit"), ("1.5", "the number \"1.5\" has no unit"),
            ("1s30", "the number \"1s30\" has no unit"), ("-1s", "the duration \"-1s\" is negative"),
            ("1d", "\"1d\" is no duration"), ("1S", "\"1S\" is no duration"), ("s", "\"s\" is no duration"),
            ("''", "\"\" is no duration"), (".s", "\".s\" is no duration"), ("1 s", "\"1 s\" is no duration"),
            ("-", "\"-\" is no duration"), ("1.2.3s", "\"1.2.3s\" is no duration"),
            ("often", "\"often\" is no duration"),
            ("9223372036854775808ns", "the duration \"9223372036854775808ns\" is longer than 292 years"),
            ("99999999999999999999s", "the duration \"99999999999999999999s\" is longer than 292 years"),
            ("3000000h", "the duration \"3000000h\" is longer than 292 years"),
        ]
    )
    func brokenIntervals(interval: String, message: String) {
        let text = "rate_limit:\n  burst: 5\n  interval: " + (interval == "-" ? "'-'" : interval)
        #expect(
            refusal(of: text)
                == "web.yml:3: rate_limit.interval: \(message); expected one as 1s, 250ms or 1m30s, or 0 for no limit"
        )
    }

    @Test(
        "The error for another invalid value states the problem",
        arguments: [
            ("burst: -1", "burst: expected a whole number from 0 on in decimal digits, found \"-1\""),
            ("burst: 1.5", "burst: expected a whole number from 0 on in decimal digits, found \"1.5\""),
            ("burst: 010", "burst: expected a whole number from 0 on in decimal digits, found \"010\""),
            ("burst: 0x10", "burst: expected a whole number from 0 on in decimal digits, found \"0x10\""),
            ("burst: '5'", "burst: expected a whole number without quotation marks, found the string \"5\""),
            ("burst: [5]", "burst: expected a whole number, found a list"),
            (
                "burst: 9223372036854775808",
                "burst: expected at most 9223372036854775807, found \"9223372036854775808\""
            ),
            ("interval: [1s]", "interval: expected a duration, found a list"),
            ("bursts: 5", "bursts: unknown key; expected one of interval, burst"),
        ]
    )
    func broken(line: String, message: String) {
        #expect(refusal(of: "rate_limit:\n  \(line)") == "web.yml:2: rate_limit.\(message)")
    }
}
