package import Advice
import Model

/// A diagnosis as a person reads it on a terminal: head, three numbers, findings, what was looked
/// at, the verdict.
package struct TextReport {
    /// The layout.
    package struct Options: Sendable {
        /// The columns of a line; limited to 40 to 100.
        package var width = 80
        package var hasColour = false
        /// Whether the terminal supports links (OSC 8).
        package var hasLinks = false
        /// Whether to list the checks that found nothing, even if an explanation of a large number
        /// replaces them.
        package var isVerbose = false

        /// The options for a pipe.
        package init() {}
    }

    /// The address of docs/runbooks, to which the name of a page and `.md` are appended.
    package static let runbooks = "https://github.com/timewait-exporter/timewait_exporter/blob/main/docs/runbooks/"
    /// The address of the list of runbooks.
    package static let allRunbooks = "https://github.com/timewait-exporter/timewait_exporter/tree/main/docs/runbooks"

    private let diagnosis: Diagnosis
    private let options: Options
    private var out: TerminalText

    /// The text of a diagnosis, with a newline at its end.
    package static func text(_ diagnosis: Diagnosis, _ options: Options) -> String {
        var report = TextReport(diagnosis, options)
        report.writeHead()
        report.writeNumbers()
        report.writeTraced()
        for finding in diagnosis.findings { report.write(finding) }
        report.writePassed()
        report.writeNotSeen()
        report.writeVerdict()
        return report.out.text
    }

    private init(_ diagnosis: Diagnosis, _ options: Options) {
        self.diagnosis = diagnosis
        self.options = options
        out = TerminalText(
            width: min(100, max(40, options.width)),
            hasColour: options.hasColour,
            hasLinks: options.hasLinks
        )
    }

    private mutating func writeHead() {
        var took = "\(Wording.decimal(max(0.001, diagnosis.duration) * 1000, 0)) ms"
        if let between = diagnosis.between { took = "2 readings in \(Wording.duration(between))" }
        let parts = [
            Wording.time(diagnosis.sampledAt, separator: " ", zone: " UTC"), Wording.line(diagnosis.kernel, atMost: 70),
            "\(diagnosis.source?.rawValue ?? "no socket table"), \(took)",
        ]
        let host = Wording.name(diagnosis.host)
        var column = host.count
        out.append(out.styled(host, .bold))
        for part in parts {
            if column + 3 + part.count > out.width {
                out.newLine()
                out.append("   ")
                column = 3
            } else {
                out.append("   ")
                column += 3
            }
            out.append(out.styled(part, .plain))
            column += part.count
        }
        out.newLine()
        out.newLine()
    }

    private mutating func writeNumbers() {
        let summary = diagnosis.summary
        var detail = "unknown: the socket table could not be read"
        if let total = summary.timeWait, let sockets = summary.listenSockets {
            let ratio = sockets == 0 ? nil : Double(total) / Double(sockets)
            let each = sockets == 1 ? "for" : "for each of"
            let perListener = ratio.map { ratio in
                "\(total == 0 ? "0" : Wording.rate(ratio)) \(each) \(Wording.count(sockets, "LISTEN socket"))"
            }
            let local = summary.timeWaitLocal.map { local in
                total == 0 ? nil : "\(Wording.share(local, of: total)) have both ends on this host"
            }
            detail = [perListener ?? "no LISTEN socket", local ?? nil].compactMap(\.self).joined(separator: "; ")
        }
        writeNumber("TIME_WAIT", summary.timeWait.map { Wording.count($0) }, detail)

        let range = summary.range.map { "\($0.low)-\($0.high)" }
        if let ports = summary.ports {
            // With many ports in use, the number of destinations matters more than the range.
            let sharing = summary.destinations.flatMap { count in
                count > 1 && ports.used > ports.usable / 4 ? "shared by \(Wording.count(count, "destination"))" : nil
            }
            writeNumber(
                "Ports in use",
                ports.usable == 0 ? nil : Wording.percent(Double(ports.used) / Double(ports.usable)),
                "\(Wording.count(ports.used)) of \(Wording.count(ports.usable)) usable, \(sharing ?? range ?? "")"
            )
        } else {
            writeNumber(
                "Ports in use",
                nil,
                range.map { "unknown, of \($0)" } ?? "unknown: the range could not be read"
            )
        }
        writeNearest()
    }

    private mutating func writeNearest() {
        let summary = diagnosis.summary
        guard let nearest = summary.nearest, let usable = summary.ports?.usable, usable > 0 else {
            guard let count = summary.destinations else { return writeNumber("Nearest limit", nil, "unknown") }
            let detail = count == 0 ? "no destination" : "no destination holds a port that cannot be reused at once"
            return writeNumber("Nearest limit", "0.0 %", detail)
        }
        let end =
            nearest.exhaustion.map { $0 < 0.5 ? "connect() fails now" : "connect() fails in \(Wording.duration($0))" }
            ?? "never runs out"
        writeNumber(
            "Nearest limit",
            Wording.percent((Double(nearest.live) + Double(nearest.timeWait)) / Double(usable)),
            "\(nearest.text) from \(nearest.source); \(end)"
        )
    }

    /// The label in column 1, the number right-aligned at column 23, the detail from column 26; on
    /// a narrow terminal below them.
    private mutating func writeNumber(_ label: String, _ number: String?, _ detail: String) {
        let number = number ?? "-"
        out.append(label + String(repeating: " ", count: max(1, 23 - label.count - number.count)))
        out.append(out.styled(number, .bold))
        let isNarrow = out.width < Self.narrow
        let indent = isNarrow ? 2 : 25
        for (index, line) in TerminalText.wrapped(detail, to: out.width - indent).enumerated() {
            if index > 0 || isNarrow {
                out.newLine()
                out.append(String(repeating: " ", count: indent))
            } else {
                out.append("  ")
            }
            out.append(out.styled(line, .plain))
        }
        out.newLine()
    }

    /// The least width with room for details beside their numbers.
    private static let narrow = 60
    private static let textColumn = 11

    private mutating func write(_ finding: Finding) {
        out.newLine()
        let style: TerminalText.Style =
            switch finding.severity {
            case .critical: .red
            case .warning: .yellow
            case .note: .cyan
            }
        out.paragraph(finding.severity.name.uppercased(), style, finding.title, .bold, from: Self.textColumn)
        for (index, line) in finding.seen.enumerated() { writePart(index == 0 ? "Seen" : "", line) }
        if !finding.why.isEmpty { writePart("Why", finding.why) }
        if let now = finding.now { write(now, "Now") }
        if let prevent = finding.prevent { write(prevent, "Prevent") }
        if !finding.not.isEmpty { writePart("Not", finding.not) }
        writeRunbook(of: finding)
    }

    private mutating func writePart(_ label: String, _ text: String) {
        out.paragraph(label, .dim, at: 3, text, from: Self.textColumn)
    }

    private mutating func write(_ step: Finding.Step, _ label: String) {
        if !step.text.isEmpty { writePart(label, step.text) }
        for (index, command) in step.commands.enumerated() {
            let isFirst = index == 0 && step.text.isEmpty
            out.command(isFirst ? label : "", .dim, at: 3, command, from: Self.textColumn)
        }
    }

    /// The runbook from column 11, and the id right-aligned.
    private mutating func writeRunbook(of finding: Finding) {
        let (page, id) = (finding.check.runbook, finding.check.rawValue)
        let address = Self.runbooks + page + ".md"
        out.append("  " + out.styled("Runbook", .dim) + " ")
        out.append(out.link(page, to: address, .dim))
        var room = min(80, out.width) - (Self.textColumn - 1) - page.count - id.count
        if room < 1 {
            out.newLine()
            room = min(80, out.width) - id.count
        }
        out.append(String(repeating: " ", count: max(0, room)) + out.link(id, to: address, .dim))
        out.newLine()
    }

    private mutating func writeTraced() {
        guard let traced = diagnosis.traced else { return }
        out.newLine()
        // A trace says how long it took where there is room for it.
        let labels =
            switch traced.by {
            case .diagnose: ["Traced", "for \(Wording.duration(traced.seconds))"]
            case .exporter: ["Last \(Wording.duration(traced.seconds))"]
            }
        for (index, line) in traced.lines.enumerated() {
            out.paragraph(index < labels.count ? labels[index] : "", .dim, line, from: Self.textColumn)
        }
    }

    private mutating func writePassed() {
        out.newLine()
        let count = diagnosis.passed.count
        let checks = "\(Wording.count(count, "check")) found nothing"
        let names = diagnosis.passed.map(\.label).joined(separator: ", ")
        if let reason = diagnosis.isNormalBecause {
            let list = options.isVerbose ? ": \(names)" : "."
            out.paragraph("OK", .green, checks + list, from: Self.textColumn)
            out.paragraph("", .plain, reason, from: Self.textColumn)
        } else if count > 0 {
            out.paragraph("OK", .green, "\(checks): \(names)", from: Self.textColumn)
        }
    }

    private mutating func writeNotSeen() {
        let lines = diagnosis.hiddenLines
        guard !lines.isEmpty else { return }
        out.newLine()
        for (index, line) in lines.enumerated() {
            out.paragraph(index == 0 ? "Not seen" : "", .dim, line, from: Self.textColumn)
        }
        if let command = diagnosis.notSeen.command {
            out.command("", .plain, at: 1, command, from: Self.textColumn)
        }
    }

    private mutating func writeVerdict() {
        out.newLine()
        let isBad = diagnosis.worst != nil
        out.append(out.styled(diagnosis.verdict + ".", .bold))
        out.newLine()
        guard isBad else { return }
        out.append("Runbooks:\n" + out.link(Self.allRunbooks, to: Self.allRunbooks, .plain))
        out.newLine()
    }
}

extension Diagnosis {
    /// What was hidden and what was not checked, a line each; the last one ends with a colon where
    /// a command follows.
    package var hiddenLines: [String] {
        var lines = notSeen.reasons
        for (reason, checks) in notCheckedByReason {
            lines.append("\(checks.map(\.label).joined(separator: ", ")): \(reason)")
        }
        if notSeen.hiddenSockets > 0 {
            let users = notSeen.users.count == 1 ? "user" : "users"
            let end = notSeen.command == nil ? ": in another PID namespace, or not visible" : "; to name them:"
            lines.append(
                "the processes of \(Wording.count(notSeen.hiddenSockets)) of"
                    + " \(Wording.count(notSeen.sockets, "socket")), of \(users)"
                    + " \(Wording.list(notSeen.users, atMost: 3))\(end)"
            )
        }
        return lines
    }

    private var notCheckedByReason: [(reason: String, checks: [Check])] {
        var groups: [(reason: String, checks: [Check])] = []
        for (check, reason) in notChecked {
            if let place = groups.firstIndex(where: { $0.reason == reason }) {
                groups[place].checks.append(check)
            } else {
                groups.append((reason, [check]))
            }
        }
        return groups
    }
}
