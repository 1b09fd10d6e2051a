import Advice
import Foundation
import Model
import Testing

@Suite("The wording of numbers, times and names")
struct WordingTests {
    @Test("A count has a comma between thousands")
    func count() {
        let cases = [
            (0, "0"), (999, "999"), (1000, "1,000"), (12_345, "12,345"), (999_999, "999,999"), (1_000_000, "1,000,000"),
            (-5, "-5"), (-1234, "-1,234"), (Int.max, "9,223,372,036,854,775,807"),
            (Int.min, "-9,223,372,036,854,775,808"),
        ]
        for (number, text) in cases { #expect(Wording.count(number) == text) }
        #expect(Wording.count(1, "TIME_WAIT") == "1 TIME_WAIT" && Wording.count(0, "TIME_WAIT") == "0 TIME_WAITs")
        #expect(Wording.count(2, "process", "processes") == "2 processes")
    }

    @Test("A decimal is rounded to the given places and accepts any number")
    func decimal() {
        #expect(Wording.decimal(0.05, 1) == "0.1" && Wording.decimal(1234.5, 0) == "1,235")
        #expect(Wording.decimal(-0.04, 1) == "0.0" && Wording.decimal(-0.06, 1) == "-0.1")
        #expect(Wording.decimal(9.996, 2) == "10.00" && Wording.decimal(1.05, 2) == "1.05")
        #expect(Wording.decimal(.nan, 0) == "0" && Wording.decimal(1e300, 1).hasPrefix("900,"))
        #expect(Wording.decimal(.infinity, 3).count < 40 && Wording.decimal(-.infinity, 0).hasPrefix("-9,"))
    }

    @Test("A share below 10 % has one decimal and a larger share is a whole number")
    func percent() {
        #expect(Wording.percent(0.041) == "4.1 %" && Wording.percent(1) == "100.0 %")
        #expect(Wording.wholePercent(0.866) == "87 %")
        #expect(Wording.share(1, of: 1000) == "0.1 %" && Wording.share(994, of: 10_000) == "9.9 %")
        #expect(Wording.share(995, of: 10_000) == "10 %" && Wording.share(0, of: 0) == "0 %")
        #expect(Wording.rate(9.94) == "9.9" && Wording.rate(9.95) == "10" && Wording.rate(0) == "0.0")
    }

    @Test("A duration has no fraction and at most two units")
    func duration() {
        let cases: [(Double, String)] = [
            (0, "0 s"), (0.4, "0 s"), (0.5, "1 s"), (70, "70 s"), (119.4, "119 s"), (119.5, "2 min"),
            (389, "6 min 29 s"),
            (3599.4, "59 min 59 s"), (3600, "1 h"), (3660, "1 h 1 min"), (172_740, "47 h 59 min"), (172_800, "2 days"),
            (864_000_000, "10,000 days"), (-5, "0 s"), (.infinity, "11,574 days"),
        ]
        for (seconds, text) in cases { #expect(Wording.duration(seconds) == text, "\(seconds)") }
    }

    @Test("A date equals the one that Foundation writes and can be read back")
    func dates() {
        let format = ISO8601DateFormatter()
        let days =
            Array(stride(from: 0, to: 90_000, by: 61)) + [0, 11_016, 11_017, 19_782, 19_783, 47_540, 47_541, 47_542]
        for day in days {
            let seconds = Double(day) * 86_400 + 86_399
            let text = Wording.time(seconds)
            #expect(text == format.string(from: Date(timeIntervalSince1970: seconds)))
            #expect(Wording.seconds(of: text) == seconds)
        }
        #expect(
            Wording.time(951_782_400) == "2000-02-29T00:00:00Z" && Wording.time(1_709_164_800) == "2024-02-29T00:00:00Z"
        )
        #expect(Wording.time(1_795_701_792, separator: " ", zone: " UTC") == "2026-11-26 14:03:12 UTC")
        #expect(Wording.time(-1) == "1970-01-01T00:00:00Z" && Wording.time(1e300) == "9999-12-31T23:59:59Z")
    }

    @Test(
        "A malformed time is not read",
        arguments: [
            "", "2026-11-26", "2026-11-26 14:03:12Z", "2026-11-26T14:03:12+", "2026-13-26T14:03:12Z",
            "2026-00-26T14:03:12Z", "2026-11-00T14:03:12Z", "2026-11-32T14:03:12Z", "2026-11-26T24:03:12Z",
            "2026-11-26T14:60:12Z", "2026-11-26T14:03:61Z", "1969-11-26T14:03:12Z", "2026-11--6T14:03:12Z",
            "2026/11/26T14:03:12Z", "2026-11-26T14-03-12Z", "+026-11-26T14:03:12Z", "2026-11-26T14:03:12\u{e9}",
        ]
    )
    func noTime(text: String) { #expect(Wording.seconds(of: text) == nil) }

    @Test("A name is printable ASCII of at most 40 characters")
    func names() {
        #expect(Wording.name("payments.service") == "payments.service" && Wording.name("") == "")
        #expect(Wording.name("a\u{1b}[31m\n\u{7f}\\") == "a\\x1b[31m\\x0a\\x7f\\\\")
        #expect(Wording.name("caf\u{e9} \u{1f600}") == "caf\\xe9 \\u{1f600}")
        #expect(Wording.name(String(repeating: "x", count: 40)) == String(repeating: "x", count: 40))
        #expect(Wording.name(String(repeating: "x", count: 41)) == String(repeating: "x", count: 37) + "...")
    }

    @Test("A long name is cut between two characters and never inside an escape")
    func cuts() {
        for length in 30...41 {
            for character in ["\u{1b}", "\u{1f600}", "\\", "\n"] {
                let name = String(repeating: "x", count: length) + String(repeating: character, count: 8)
                let text = Wording.name(name)
                #expect(text.count <= 40)
                let escape = #/\\x[0-9a-f]{2}|\\u\{[0-9a-f]+\}|\\\\/#
                #expect(!text.replacing(escape, with: "").contains("\\"), "\(text)")
                #expect(text.hasSuffix("..."))
            }
        }
    }

    @Test("A list counts the names beyond its limit")
    func lists() {
        #expect(Wording.list([], atMost: 3) == "none" && Wording.list(["a"], atMost: 3) == "a")
        #expect(
            Wording.list(["a", "b"], atMost: 3) == "a and b"
                && Wording.list(["a", "b", "c"], atMost: 3) == "a, b and c"
        )
        #expect(Wording.list(["a", "b", "c", "d"], atMost: 3) == "a, b, c and 1 more")
        #expect(
            Wording.ports(PortSet([1, 2, 3, 9])) == "1-3, 9"
                && Wording.ports(PortSet([1, 3, 5]), atMost: 2) == "1, 3 and 1 more"
        )
    }

    @Test("A table aligns its cells and has no trailing spaces")
    func table() {
        #expect(
            Wording.table([["50051", "a", "1"], ["80", "long name", "2"]]) == [
                "50051  a          1", "80     long name  2",
            ]
        )
        #expect(Wording.table([["1", "2"], ["only"], []]) == ["1     2", "only", ""])
        #expect(Wording.table([]).isEmpty)
    }

    @Test("An endpoint has brackets around an IPv6 address and its zone")
    func endpoints() {
        #expect(Wording.endpoint(IPAddress(10, 0, 0, 9), 443) == "10.0.0.9:443")
        #expect(Wording.endpoint(IPAddress(high: 0, low: 1), 443) == "[::1]:443")
        #expect(Wording.endpoint(IPAddress(high: 0xFE80 << 48, low: 1), 80, zone: "eth0") == "[fe80::1%eth0]:80")
    }

    /// Names that a program or a unit may have, which a shell must not obey.
    static let hostile = [
        "a b", "it's", "\"quoted\"", "$(reboot)", "`reboot`", "; reboot", "&& reboot", "| sh", "> /etc/passwd",
        "a\\x2db",
        "*", "~root", "!!", "#a", "(a)", "{a,b}", "a\tb", "a\nreboot", "\u{1b}[31m", "-rf", "--", "", "'", "''",
        "'; reboot; '",
        "\u{e9}", "$HOME", "a=b", "%n", String(repeating: "x", count: 200), String(repeating: "'", count: 60),
    ]

    @Test("A quoted word passes through the shell unchanged", arguments: hostile)
    func shellWord(name: String) throws {
        guard let word = Wording.shellWord(name) else {
            #expect(name.isEmpty || name.hasPrefix("-") || !name.allSatisfy { (" "..."~").contains($0) })
            return
        }
        #expect(try Shell.run("printf %s \(word)") == name)
        #expect(!word.contains("\n"))
    }
}

/// The shell of the host.
enum Shell {
    /// What a script writes; nil where it fails.
    static func run(_ script: String, onlyChecks: Bool = false) throws -> String? {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = (onlyChecks ? ["-n"] : []) + ["-c", script]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return process.terminationStatus == 0 ? String(decoding: data, as: UTF8.self) : nil
    }
}
