import Advice

/// The section with the findings, their remedies, and the checks that found nothing.
extension LandingPage {
    /// The findings that are shown in full; of the others only the title is.
    private static let mostFindings = 20
    /// The other findings whose title is shown.
    private static let mostTitles = 60

    var findings: HTML {
        let found = diagnosis.findings
        var ids = Identifiers()
        var shown = HTML()
        for finding in found.prefix(Self.mostFindings) { shown += article(finding, id: ids.id(of: finding)) }
        return """
            <section id="findings" aria-labelledby="h-findings"><h2 id="h-findings">Findings\
            \(.when(found.count > 1, " <span>worst first</span>"))</h2>
            \(shown)\(others)\(passed)\(notSeen)</section>
            """
    }

    // MARK: - One finding

    private func article(_ finding: Finding, id: String) -> HTML {
        let tone = finding.severity.tone
        let head: HTML = """
            <span class="sev">\(tone.icon)\(finding.severity.name)</span><h3 id="t-\(id)">\(finding.title)</h3>
            """
        let runbook: HTML = """
            <a class="id" href="\(TextReport.runbooks)\(finding.check.runbook).md" \
            aria-label="Runbook for \(finding.check.rawValue)">\(finding.check.rawValue)</a>
            """
        let text = columns(finding)
        let article: HTML = "<article class=\"finding \(tone.name)\" id=\"\(id)\" aria-labelledby=\"t-\(id)\">"
        if finding.severity == .note {
            return "\(article)\(runbook)<details><summary>\(head)</summary>\(text)</details></article>\n"
        }
        return "\(article)<header>\(head)\(runbook)</header>\(text)</article>\n"
    }

    /// The facts and reasons on the left, the remedies on the right.
    private func columns(_ finding: Finding) -> HTML {
        var what = HTML()
        let seen = finding.seen.map { "<li>\($0)</li>" as HTML }
        if !seen.isEmpty { what += "<ul class=\"evidence\">\(seen)</ul>" }
        if !finding.why.isEmpty { what += "<p>\(finding.why)</p>" }
        if !finding.not.isEmpty {
            let start = "Do not "
            what +=
                finding.not.hasPrefix(start)
                ? "<p class=\"not\"><strong>Do not</strong> \(String(finding.not.dropFirst(start.count)))</p>"
                : "<p class=\"not\">\(finding.not)</p>"
        }
        if !finding.explains.isEmpty {
            what += "<p class=\"not\">It also explains: \(finding.explains.map(\.label).joined(separator: ", ")).</p>"
        }
        let steps = [("Now", finding.now), ("Prevent", finding.prevent)].compactMap { label, step in
            step.map { self.step($0, label, finding.check) }
        }
        guard !steps.isEmpty else { return "<div class=\"what\">\(what)</div>" }
        return "<div class=\"cols\"><div class=\"what\">\(what)</div><div class=\"do\">\(steps)</div></div>"
    }

    private func step(_ step: Finding.Step, _ label: String, _ check: Check) -> HTML {
        let text: HTML = step.text.isEmpty ? "" : "<p>\(step.text)</p>"
        let block: HTML = step.commands.isEmpty ? "" : commands(step.commands, "\(label), \(check.rawValue)")
        return "<div class=\"step\"><h4>\(label)</h4>\(text)\(block)</div>"
    }

    /// Commands to copy: a click selects all of them, and so does the keyboard if the block has the
    /// focus.
    private func commands(_ commands: [String], _ label: String) -> HTML {
        """
        <pre tabindex="0" role="group" aria-label="Commands: \(label)"><code>\(commands.joined(separator: "\n"))</code></pre>
        """
    }

    /// The findings after the first ones.
    private var others: HTML {
        let others = diagnosis.findings.dropFirst(Self.mostFindings)
        guard !others.isEmpty else { return "" }
        let lines = others.prefix(Self.mostTitles).map { finding in
            let severity = finding.severity.name
            return "<li><span class=\"sev \(severity)\">\(severity)</span> \(finding.title)</li>" as HTML
        }
        let rest = others.count - lines.count
        return """
            <details class="others"><summary>\(Wording.count(others.count, "more finding"))</summary><ul>\(lines)\
            \(.when(rest > 0, "<li>and \(Wording.count(rest)) more: see the JSON</li>"))</ul></details>
            """
    }

    // MARK: - Checks without findings

    private var passed: HTML {
        let checks = diagnosis.passed
        guard !checks.isEmpty else { return "" }
        let count = "\(Wording.count(checks.count, "check")) found nothing"
        let labels = checks.map(\.label).joined(separator: ", ")
        let text: HTML =
            diagnosis.isNormalBecause.map { reason in
                """
                <strong>\(count).</strong> \(reason)</p><details class="checks"><summary>The checks</summary>\
                <p class="list">\(labels).</p></details>
                """
            } ?? "<strong>\(count):</strong> \(labels).</p>"
        return "<div class=\"passed\">\(Tone.ok.icon)<div><p>\(text)</div></div>\n"
    }

    private var notSeen: HTML {
        let lines = diagnosis.hiddenLines
        guard !lines.isEmpty else { return "" }
        let command: HTML = diagnosis.notSeen.command.map { commands([$0], "name the processes") } ?? ""
        return """
            <div class="passed unseen">\(Tone.note.icon)<div><p><strong>Not checked or not seen</strong></p>\
            <ul>\(lines.map { "<li>\($0)</li>" as HTML })</ul>\(command)</div></div>
            """
    }
}

/// The ids of findings in the document: the check and the key, in the characters of a URL.
private struct Identifiers {
    private var used: Set<String> = []

    mutating func id(of finding: Finding) -> String {
        let key = finding.key.utf8.prefix(60).map { byte in
            isPlain(byte) ? Character(Unicode.Scalar(byte)) : "-"
        }
        let wanted = finding.check.rawValue + (key.isEmpty ? "" : "-" + String(key))
        var (id, number) = (wanted, 1)
        while !used.insert(id).inserted {
            number += 1
            id = "\(wanted)-\(number)"
        }
        return id
    }

    private func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

extension Severity {
    fileprivate var tone: Tone {
        switch self {
        case .critical: .critical
        case .warning: .warning
        case .note: .note
        }
    }
}

/// A severity as colour, shape and word.
enum Tone {
    case critical
    case warning
    case note
    case ok

    /// The CSS class.
    var name: String {
        switch self {
        case .critical: "critical"
        case .warning: "warning"
        case .note: "note"
        case .ok: "ok"
        }
    }

    /// An octagon, a triangle, a ring or a disc: the shape shows the severity without colour, too.
    var icon: HTML {
        let shape: HTML =
            switch self {
            case .critical:
                """
                <path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" fill="currentColor"/>\
                <path class="sign" d="M8 4v5M8 10.6v1.8"/>
                """
            case .warning:
                """
                <path d="M8 1.2 15.4 14.5H.6z" fill="currentColor"/><path class="sign" d="M8 6v4M8 11.2v1.7"/>
                """
            case .note:
                """
                <circle class="ring" cx="8" cy="8" r="6.6"/><path class="ring" d="M8 7v4.6M8 4.2v1.7"/>
                """
            case .ok:
                """
                <circle cx="8" cy="8" r="7" fill="currentColor"/><path class="sign" d="m4.6 8.2 2.4 2.4 4.4-4.8"/>
                """
            }
        return """
            <svg class="icon" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">\(shape)</svg>
            """
    }

    /// The icon of the browser's tab, as the data URL of an SVG image that is visible on light and
    /// dark.
    var favicon: HTML {
        let shape: HTML =
            switch self {
            case .critical: "path d='M5 1h6l4 4v6l-4 4H5l-4-4V5z' fill='%23d8213a'"
            case .warning: "path d='M8 1 15.5 15H.5z' fill='%23d07a00'"
            case .note: "circle cx='8' cy='8' r='7' fill='%237b8796'"
            case .ok: "circle cx='8' cy='8' r='7' fill='%231f9a5b'"
            }
        return """
            data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3C\(shape)/%3E%3C/svg%3E
            """
    }
}
