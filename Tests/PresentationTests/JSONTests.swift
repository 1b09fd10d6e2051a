import Advice
import Foundation
import Model
import Presentation
import Situations
import Testing

@Suite("The diagnosis as JSON")
struct JSONTests {
    private func text(_ diagnosis: Diagnosis) -> String { Golden.text(diagnosis) }

    @Test("The JSON of each check reads back as the same diagnosis", arguments: Check.allCases)
    func checks(check: Check) throws {
        let diagnosis = World.diagnosis(with: check)
        let again = try Diagnosis(json: diagnosis.json)
        #expect(text(again) == text(diagnosis))
        #expect(again.json == diagnosis.json)
    }

    @Test(
        "The JSON of each example reads back as the same diagnosis",
        arguments: World.examples.map(\.name)
    )
    func examples(name: String) throws {
        var world = try #require(World.examples.first { $0.name == name }?.world)
        let diagnosis = world.diagnosis()
        let again = try Diagnosis(json: diagnosis.json)
        #expect(text(again) == text(diagnosis) && again.json == diagnosis.json)
        #expect(again.summary == diagnosis.summary || name == "running_out")
        #expect(again.isNormalBecause == diagnosis.isNormalBecause && again.notSeen == diagnosis.notSeen)
    }

    @Test("Foundation reads the JSON of each example", arguments: World.examples.map(\.name))
    func foundation(name: String) throws {
        var world = try #require(World.examples.first { $0.name == name }?.world)
        world.host = "a\"b\\c\n\u{1b}[31m\u{e9}\u{1f600}\u{85}"
        let root = try #require(JSONSerialization.jsonObject(with: Data(world.diagnosis().json)) as? [String: Any])
        #expect(root["host"] as? String == world.host && root["version"] as? Int == 1)
    }

    @Test("Text from the JSON of another host never sends control characters to a terminal")
    func hostile() throws {
        let attack = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\r\n\u{8}\u{7f}\u{202e}\u{0}"
        var diagnosis = World.diagnosis(with: .listenerExposed)
        var world = World.incident()
        world.isRoot = false
        diagnosis.findings += world.diagnosis().findings
        diagnosis.host = attack
        diagnosis.kernel = attack + String(repeating: "x", count: 300)
        diagnosis.isNormalBecause = nil
        diagnosis.notSeen = .init(hiddenSockets: 3, sockets: 4, users: [attack, attack], reasons: [attack])
        diagnosis.notChecked = [(.overflow, attack)]
        diagnosis.summary.nearest = .init(
            source: attack,
            address: attack,
            port: 1,
            text: attack,
            live: 1,
            timeWait: 1,
            exhaustion: 1
        )
        for index in diagnosis.findings.indices {
            diagnosis.findings[index].title = attack
            diagnosis.findings[index].key = attack
            diagnosis.findings[index].seen = [attack, attack]
            diagnosis.findings[index].why = attack
            diagnosis.findings[index].not = attack
            diagnosis.findings[index].now = .init(attack, [attack])
            diagnosis.findings[index].prevent = .init("", [attack])
        }
        var normal = diagnosis
        normal.isNormalBecause = attack
        for diagnosis in [diagnosis, normal] {
            let again = try Diagnosis(json: diagnosis.json)
            #expect(again.host == attack)
            for (hasColour, hasLinks) in [(false, false), (true, true)] {
                var options = TextReport.Options()
                (options.hasColour, options.hasLinks, options.isVerbose) = (hasColour, hasLinks, true)
                // What is left besides our own escapes is harmless.
                let own = #/\u{1b}\[[0-9;]*m|\u{1b}\]8;;(https:[!-~]*)?\u{1b}\\/#
                let text = TextReport.text(again, options).replacing(own, with: "")
                #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || (0x20..<0x7f).contains($0.value) })
                #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 || $0.contains("owned") })
            }
        }
    }

    private static func traced(_ name: String) -> Traced {
        let program = ProgramName(unit: name, process: name)
        return Traced(
            by: .exporter,
            seconds: 60,
            closers: [.init(name: program, counts: .init(local: 412, remote: 3))],
            others: .init(local: 19, remote: 0),
            failedConnects: [.init(name: program, address: "2001:db8::9", port: 443, calls: 12)],
            otherFailedConnects: 2,
            failedBinds: nil,
            lost: 1
        )
    }

    @Test("What was traced reads back, of a running exporter and of --trace")
    func traced() throws {
        for binds in [nil, [ProgramName(process: "payments"): 3]] {
            var diagnosis = World.diagnosis(with: .localProber)
            diagnosis.traced = Self.traced("node-probe")
            diagnosis.traced?.failedBinds = binds
            if binds != nil { diagnosis.traced?.by = .diagnose }
            let again = try Diagnosis(json: diagnosis.json)
            #expect(again.traced == diagnosis.traced && again.json == diagnosis.json)
            #expect(text(again).contains(binds == nil ? "Last 60 s 412 of 431" : "Traced    412 of 431"))
        }
    }

    @Test("The names and the numbers of what another host has traced may be any")
    func hostileTrace() throws {
        var diagnosis = World.diagnosis(with: .localProber)
        let attack = "<script>\u{1b}]0;owned\u{7}\u{202e}\r\n" + String(repeating: "x", count: 300)
        diagnosis.traced = Self.traced(attack)
        diagnosis.traced?.failedConnects[0].address = attack
        for number in [Int.max, .min] {
            diagnosis.traced?.closers[0].counts = .init(local: number, remote: number)
            diagnosis.traced?.others = .init(local: number, remote: number)
            let again = try Diagnosis(json: diagnosis.json)
            #expect(again.traced?.closers.first?.name.process == attack)
            #expect(text(again).unicodeScalars.allSatisfy { $0 == "\n" || (0x20..<0x7f).contains($0.value) })
        }
    }

    @Test("A diagnosis accepts any number in the JSON of another host")
    func numbers() throws {
        let json = try String(contentsOf: Golden.folder.appending(path: "running_out.json"), encoding: .utf8)
        for number in [
            "0", "-1", "9223372036854775807", "-9223372036854775808", "1e308", "-1e308", "1e-300", "0.5", "null",
        ] {
            for member in json.matches(of: #/"(\w+)": (-?[0-9.]+)/#) {
                let range = member.output.2.startIndex..<member.output.2.endIndex
                let changed = json.replacingCharacters(in: range, with: number)
                guard let diagnosis = try? Diagnosis(json: Array(changed.utf8)) else { continue }
                #expect(!text(diagnosis).isEmpty)
                #expect(!diagnosis.json.isEmpty)
            }
        }
    }

    @Test("An unreadable diagnosis names the member that is missing or of the wrong type")
    func unreadable() throws {
        let json = try String(contentsOf: Golden.folder.appending(path: "incident.json"), encoding: .utf8)
        func error(_ from: String, _ to: String) -> String {
            #expect(json.contains(from))
            let changed = json.replacing(from, with: to, maxReplacements: 1)
            do throws(Diagnosis.Unreadable) {
                _ = try Diagnosis(json: Array(changed.utf8))
                return "none"
            } catch {
                return error.description
            }
        }
        #expect(error("\"host\"", "\"hosts\"") == "host: it is missing")
        #expect(error("\"version\": 1", "\"version\": 2") == "its version is 2, and this program reads version 1")
        #expect(error("\"version\": 1", "\"verse\": 1") == "it is JSON, but no diagnosis: 'version' is missing")
        #expect(error("\"time_wait\": 1241", "\"time_wait\": \"many\"") == "summary.time_wait: expected a whole number")
        #expect(
            error("2026-11-26T14:03:12Z", "yesterday") == "sampled_at: expected a time such as 2026-11-26T14:03:12Z"
        )
        #expect(error("\"low\": 32768", "\"low\": 70000") == "summary.ephemeral.low: expected a port, 0 to 65535")
        #expect(
            error("\"severity\": \"warning\"", "\"severity\": \"fatal\"")
                == "findings[1].severity: expected note, warning or critical"
        )
        #expect(
            error("\"id\": \"local_prober\"", "\"id\": \"evil\\u001b[31m\"")
                == "findings[2].id: 'evil\\x1b[31m' is not known to this program; use that of the exporter's version"
        )
        #expect(error("{", "[{").hasPrefix("it is no JSON: byte "))
        for other in ["[]", "{}", "null", "1", "\"text\""] {
            #expect(throws: Diagnosis.Unreadable.self) { try Diagnosis(json: Array(other.utf8)) }
        }
    }
}

@Suite("The JSON reader")
struct JSONReaderTests {
    private func read(_ text: String) -> Result<Fact, JSONReader.Problem> { read(Array(text.utf8)) }

    private func read(_ bytes: [UInt8]) -> Result<Fact, JSONReader.Problem> {
        Result { () throws(JSONReader.Problem) in try JSONReader.fact(bytes) }
    }

    @Test("The JSON reader reads every kind of value")
    func values() {
        let cases: [(String, Fact)] = [
            ("null", .null), (" true ", .bool(true)), ("false", .bool(false)), ("0", .int(0)), ("-0", .int(0)),
            ("-12", .int(-12)),
            ("1.5", .double(1.5)), ("1e2", .double(100)), ("1E+2", .double(100)), ("12e-1", .double(1.2)),
            ("9223372036854775807", .int(.max)), ("9223372036854775808", .double(9.223372036854775808e18)),
            ("\"\"", .text("")), (#""a\"\\\/\b\f\n\r\t""#, .text("a\"\\/\u{8}\u{c}\n\r\t")),
            (#""\u00e9""#, .text("\u{e9}")),
            (#""\ud83d\ude00""#, .text("\u{1f600}")), (#""\u0000""#, .text("\0")),
            ("\"\u{1f600}\"", .text("\u{1f600}")), ("[]", .list([])),
            ("[1, 2]", .list([.int(1), .int(2)])), ("{}", .object([])),
            ("{\"a\": [{}], \"b\":null}", .object([.init("a", .list([.object([])])), .init("b", .null)])),
        ]
        for (text, fact) in cases { #expect(read(text) == .success(fact), "\(text)") }
    }

    @Test("The JSON reader reports the byte and the problem of malformed text")
    func problems() {
        let cases: [(String, String)] = [
            ("", "byte 0: the text ends too early"), ("   ", "byte 3: the text ends too early"),
            ("nul", "byte 0: expected a value"),
            ("[1 2]", "byte 3: expected ',' or ']'"), ("[1,]", "byte 3: expected a value"),
            ("{\"a\" 1}", "byte 5: expected ':'"),
            ("{\"a\": 1 \"b\": 2}", "byte 8: expected ',' or '}'"),
            ("{a: 1}", "byte 1: expected a name in quotation marks"),
            ("{\"a\": 1,}", "byte 8: expected a name in quotation marks"), ("1 2", "byte 2: expected the end"),
            ("01", "byte 1: expected the end"), ("+1", "byte 0: expected a value"), (".5", "byte 0: expected a value"),
            ("1.", "byte 2: expected a digit"), ("1.e5", "byte 2: expected a digit"),
            ("1e", "byte 2: expected a digit"),
            ("1e+", "byte 3: expected a digit"), ("-", "byte 0: expected a value"), ("--1", "byte 0: expected a value"),
            ("1e999", "byte 0: a number that is too large"), ("NaN", "byte 0: expected a value"),
            ("Infinity", "byte 0: expected a value"), ("0x10", "byte 1: expected the end"),
            ("\"a", "byte 2: the text ends within quotation marks"), ("\"\\", "byte 2: the text ends too early"),
            ("\"\\x\"", "byte 3: an unknown escape"), ("\"\\u12\"", "byte 5: expected four hexadecimal digits"),
            ("\"\\u+123\"", "byte 3: expected four hexadecimal digits"),
            ("\"\\u-000\"", "byte 3: expected four hexadecimal digits"),
            (#""\ud83d""#, "byte 7: half of a surrogate pair"), (#""\ude00""#, "byte 7: half of a surrogate pair"),
            (#""\ud83d\u0041""#, "byte 13: half of a surrogate pair"),
            ("\"a\nb\"", "byte 3: a control character in a text"),
        ]
        for (text, problem) in cases {
            guard case .failure(let found) = read(text) else {
                Issue.record("\(text) was read")
                continue
            }
            #expect(found.description == problem, "\(text)")
        }
    }

    @Test("The JSON reader accepts 64 levels of nesting and rejects more")
    func depth() {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect((try? read(nested(64)).get()) != nil)
        for depth in [65, 1000, 1_000_000] {
            guard case .failure(let problem) = read(nested(depth)) else {
                Issue.record("\(depth) levels were read")
                continue
            }
            #expect(problem.description == "byte 64: more than 64 levels")
        }
        #expect((try? read(String(repeating: "{\"a\":", count: 100_000)).get()) == nil)
    }

    @Test(
        "The JSON reader rejects every truncation of a diagnosis",
        arguments: ["incident", "blind"]
    )
    func truncations(name: String) throws {
        let json = [UInt8](try Data(contentsOf: Golden.folder.appending(path: "\(name).json")))
        for length in 0..<json.count - 1 {
            guard case .failure(let problem) = read(Array(json.prefix(length))) else {
                Issue.record("\(length) bytes were read")
                continue
            }
            #expect(problem.offset <= length)
        }
    }

    @Test(
        "The JSON reader accepts or rejects randomly changed bytes without a crash",
        arguments: 1...4
    )
    func mutations(seed: UInt64) throws {
        let json = [UInt8](try Data(contentsOf: Golden.folder.appending(path: "incident.json")))
        var state = seed
        func next(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        for _ in 0..<500 {
            var changed = json
            for _ in 0...next(3) { changed[next(changed.count)] = UInt8(next(256)) }
            guard let diagnosis = try? Diagnosis(json: changed) else { continue }
            let text = Golden.text(diagnosis)
            #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || (0x20..<0x7f).contains($0.value) }, "seed \(seed)")
        }
    }
}
