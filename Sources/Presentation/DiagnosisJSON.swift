package import Advice
import Model

/// A diagnosis as JSON, and back: docs/diagnose.schema.json.
extension Diagnosis {
    /// The schema and its version: a program that knows version 1 can read every text of version 1.
    static let schema = "https://timewait-exporter.github.io/diagnose-1.json"
    static let version = 1

    package var json: [UInt8] { JSONWriter.text(fact) }

    private var fact: Fact {
        var members: [Fact.Member] = [
            .init("schema", .text(Self.schema)),
            .init("version", .int(Self.version)),
            .init("host", .text(host)),
            .init("kernel", .text(kernel)),
            .init("source", source.map { .text($0.rawValue) } ?? .null),
            .init("sampled_at", .text(Wording.time(sampledAt))),
            .init("duration_seconds", .double(duration)),
            .init("seconds_between_readings", .optional(between)),
            .init("summary", summaryFact),
            .init("findings", .list(findings.map(\.fact))),
            .init("passed", .list(passed.map { .text($0.rawValue) })),
            .init(
                "not_checked",
                .list(
                    notChecked.map {
                        .object([.init("id", .text($0.check.rawValue)), .init("reason", .text($0.reason))])
                    }
                )
            ),
            .init("normal_because", .optional(isNormalBecause)),
            .init(
                "not_seen",
                .object([
                    .init("hidden_sockets", .int(notSeen.hiddenSockets)),
                    .init("command", .optional(notSeen.command)),
                    .init("sockets", .int(notSeen.sockets)),
                    .init("users", .list(notSeen.users.map(Fact.text))),
                    .init("reasons", .list(notSeen.reasons.map(Fact.text))),
                ])
            ),
        ]
        if let traced { members.append(.init("traced", traced.fact)) }
        return .object(members)
    }

    private var summaryFact: Fact {
        .object([
            .init("severity", worst.map { .text($0.name) } ?? .null),
            .init("critical", .int(count(of: .critical))),
            .init("warning", .int(count(of: .warning))),
            .init("note", .int(count(of: .note))),
            .init("time_wait", .optional(summary.timeWait)),
            .init("time_wait_local", .optional(summary.timeWaitLocal)),
            .init("listen_sockets", .optional(summary.listenSockets)),
            .init("destinations", .optional(summary.destinations)),
            .init(
                "ephemeral",
                .object([
                    .init("low", summary.range.map { .int(Int($0.low)) } ?? .null),
                    .init("high", summary.range.map { .int(Int($0.high)) } ?? .null),
                    .init("usable", summary.ports.map { .int($0.usable) } ?? .null),
                    .init("used", summary.ports.map { .int($0.used) } ?? .null),
                ])
            ),
            .init(
                "nearest",
                summary.nearest.map { nearest in
                    .object([
                        .init("source", .text(nearest.source)),
                        .init("address", .text(nearest.address)),
                        .init("port", .int(Int(nearest.port))),
                        .init("live", .int(nearest.live)),
                        .init("time_wait", .int(nearest.timeWait)),
                        .init("exhaustion_seconds", .optional(nearest.exhaustion)),
                    ])
                } ?? .null
            ),
        ])
    }
}

extension Finding {
    fileprivate var fact: Fact {
        .object([
            .init("id", .text(check.rawValue)),
            .init("severity", .text(severity.name)),
            .init("key", .text(key)),
            .init("title", .text(title)),
            .init("fails_in_seconds", .optional(failsIn)),
            .init("evidence", .object(evidence)),
            .init("seen", .list(seen.map(Fact.text))),
            .init("why", .text(why)),
            .init("now", now?.fact ?? .null),
            .init("prevent", prevent?.fact ?? .null),
            .init("not", .text(not)),
            .init("runbook", .text(check.runbook)),
            .init("alert", .optional(check.alert)),
            .init("explains", .list(explains.map { .text($0.rawValue) })),
        ])
    }
}

extension Finding.Step {
    fileprivate var fact: Fact {
        .object([.init("text", .text(text)), .init("commands", .list(commands.map(Fact.text)))])
    }
}

extension Diagnosis {
    /// Why a text is not a diagnosis.
    package struct Unreadable: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    /// Decodes the JSON of another exporter.
    package init(json: [UInt8]) throws(Unreadable) {
        let fact: Fact
        do throws(JSONReader.Problem) {
            fact = try JSONReader.fact(json)
        } catch {
            throw Unreadable(description: "it is no JSON: \(error)")
        }
        let root = Decoding(fact, "")
        guard case .int(let version)? = fact.member("version") else {
            throw Unreadable(description: "it is JSON, but no diagnosis: 'version' is missing")
        }
        guard version == Self.version else {
            throw Unreadable(description: "its version is \(version), and this program reads version \(Self.version)")
        }
        let summary = try root.object("summary")
        let ephemeral = try summary.object("ephemeral")
        self.init(
            host: try root.text("host"),
            kernel: try root.text("kernel"),
            source: try root.optionalText("source").flatMap(TableSource.init(rawValue:)),
            sampledAt: try root.time("sampled_at"),
            duration: try root.double("duration_seconds"),
            between: try root.optionalDouble("seconds_between_readings"),
            summary: try Diagnosis.Summary(summary, ephemeral),
            findings: try root.list("findings") { item throws(Unreadable) in try Finding(item) },
            passed: try root.list("passed") { item throws(Unreadable) in try item.check() },
            notChecked: try root.list("not_checked") { item throws(Unreadable) in
                (try item.child("id").check(), try item.text("reason"))
            },
            isNormalBecause: try root.optionalText("normal_because"),
            notSeen: try Diagnosis.NotSeen(try root.object("not_seen"))
        )
        if fact.member("traced") != nil { traced = try Traced(try root.object("traced")) }
    }
}

extension Diagnosis.NotSeen {
    fileprivate init(_ object: Decoding) throws(Diagnosis.Unreadable) {
        self.init(
            hiddenSockets: try object.int("hidden_sockets"),
            command: try object.optionalText("command"),
            sockets: try object.int("sockets"),
            users: try object.list("users") { item throws(Diagnosis.Unreadable) in try item.text() },
            reasons: try object.list("reasons") { item throws(Diagnosis.Unreadable) in try item.text() }
        )
    }
}

extension Diagnosis.Summary {
    fileprivate init(_ object: Decoding, _ ephemeral: Decoding) throws(Diagnosis.Unreadable) {
        self.init()
        timeWait = try object.optionalInt("time_wait")
        timeWaitLocal = try object.optionalInt("time_wait_local")
        listenSockets = try object.optionalInt("listen_sockets")
        destinations = try object.optionalInt("destinations")
        if let low = try ephemeral.optionalPort("low"), let high = try ephemeral.optionalPort("high") {
            range = PortRange(low: low, high: high)
        }
        if let usable = try ephemeral.optionalInt("usable"), let used = try ephemeral.optionalInt("used") {
            ports = (usable, used)
        }
        guard object.fact.member("nearest") != .null else { return }
        let nearest = try object.object("nearest")
        let (address, port) = (try nearest.text("address"), try nearest.optionalPort("port") ?? 0)
        self.nearest = Diagnosis.Nearest(
            source: try nearest.text("source"),
            address: address,
            port: port,
            text: address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)",
            live: try nearest.int("live"),
            timeWait: try nearest.int("time_wait"),
            exhaustion: try nearest.optionalDouble("exhaustion_seconds")
        )
    }
}

extension Finding {
    fileprivate init(_ object: Decoding) throws(Diagnosis.Unreadable) {
        guard let severity = Severity.allCases.first(where: { object.fact.member("severity") == .text($0.name) }) else {
            throw object.problem("severity", "expected note, warning or critical")
        }
        self.init(
            check: try object.child("id").check(),
            severity: severity,
            key: try object.text("key"),
            title: try object.text("title"),
            evidence: try object.object("evidence").members(),
            seen: try object.list("seen") { item throws(Diagnosis.Unreadable) in try item.text() },
            why: try object.text("why"),
            now: try Finding.Step(object, "now"),
            prevent: try Finding.Step(object, "prevent"),
            not: try object.text("not"),
            explains: try object.list("explains") { item throws(Diagnosis.Unreadable) in try item.check() },
            failsIn: try object.optionalDouble("fails_in_seconds")
        )
    }
}

extension Finding.Step {
    fileprivate init?(_ parent: Decoding, _ name: String) throws(Diagnosis.Unreadable) {
        guard parent.fact.member(name) != .null else { return nil }
        let object = try parent.object(name)
        self.init(
            try object.text("text"),
            try object.list("commands") { item throws(Diagnosis.Unreadable) in try item.text() }
        )
    }
}
