import Advice
import Model

/// The programs that close first, and those whose connect() finds no port: with `--who` only.
extension LandingPage {
    /// The rows of each of the two tables.
    private static let mostPrograms = 10

    /// TIME_WAITs of the last minute by program; empty if there is nothing to tell.
    var closers: HTML {
        let title = "TIME_WAITs by program"
        if let status = sample.collectors[.who], status.isInUse, !status.succeeded {
            return unread(
                "programs",
                title,
                "Unknown: --who is on, and nothing is traced. The log names what is missing; docs/who.md has the rights."
            )
        }
        guard let traced = diagnosis.traced else { return "" }
        let shown = traced.closers.prefix(Self.mostPrograms)
        let rest = traced.closers.dropFirst(Self.mostPrograms).map(\.counts) + [traced.others]
        let others = Traced.Counts(
            local: rest.reduce(0) { $0 + $1.local },
            remote: rest.reduce(0) { $0 + $1.remote }
        )
        let all = shown.reduce(others.total) { $0 + $1.counts.total }
        guard all > 0 else { return "" }
        let most = max(others.total, shown.first?.counts.total ?? 0)
        let lost: HTML = traced.lostText.map { "<p class=\"quiet\">\($0)</p>" } ?? ""
        let rows = shown.map { row(cells($0.name), $0.counts, all: all, most: most) }
        let last: HTML = others.total > 0 ? row(Self.others, others, all: all, most: most) : ""
        return """
            <section aria-labelledby="h-programs"><h2 id="h-programs">\(title) \
            <span>that closed first, in \(traced.period)</span></h2>
            <ul class="legend">\(swatch("cl", "other end on this host"))\(swatch("sr", "other end elsewhere"))</ul>
            <table class="closers"><caption class="vh">Programs by the TIME_WAITs that they left</caption>\
            <thead><tr><th scope="col">Program</th><th scope="col">Unit or container</th>\
            <th scope="col" class="num">TIME_<wbr>WAIT</th><th scope="col" class="num wide">On this host</th>\
            <th scope="col" class="num">Share</th></tr></thead><tbody>
            \(rows)\(last)</tbody></table>\(lost)</section>
            """
    }

    private func row(_ cells: (name: HTML, unit: HTML), _ counts: Traced.Counts, all: Int, most: Int) -> HTML {
        let said = "\(Wording.count(counts.local)) on this host, \(Wording.count(counts.remote)) elsewhere"
        return """
            <tr><th scope="row"><span class="svcname">\(cells.name)</span></th><td class="svc"><div><span class="svcname">\(cells.unit)</span>\
            <svg class="bar" width="100%" height="12" aria-hidden="true">\
            <rect class="cl" width="\(.percent(counts.local, of: most))" height="12"/>\
            <rect class="sr" x="\(.percent(counts.local, of: most))" width="\(.percent(counts.remote, of: most))" height="12"/>\
            </svg><span class="vh">\(said)</span></div></td><td class="num strong">\(Wording.count(counts.total))</td>\
            <td class="num wide">\(Wording.count(counts.local))</td><td class="num nb">\(Wording.share(counts.total, of: all))</td></tr>

            """
    }

    /// connect() calls that found no port, since the start; empty if there were none.
    var failedConnects: HTML {
        guard let report = sample.closers, sample.collectors[.who]?.succeeded == true else { return "" }
        let recent = report.recent?.sum
        let calls = report.failures.map { (call: $0.key, count: $0.value, recent: recent?.failures[$0.key] ?? 0) }
            .sorted { ($1.recent, $1.count, $0.call) < ($0.recent, $0.count, $1.call) }
        let shown = calls.prefix(Self.mostPrograms)
        let others = calls.dropFirst(Self.mostPrograms).reduce(report.otherFailures) { $0 + $1.count }
        guard !shown.isEmpty || others > 0 else { return "" }
        let lately = (recent?.failures.values.reduce(0, +) ?? 0) + (recent?.otherFailures ?? 0)
        let othersLately = lately - shown.reduce(0) { $0 + $1.recent }
        let rows = shown.map { line in
            row(
                cells(line.call.name),
                "\(Wording.endpoint(line.call.address, line.call.port))",
                line.recent,
                line.count
            )
        }
        let last: HTML = others > 0 ? row(Self.others, "", othersLately, others) : ""
        return """
            <section aria-labelledby="h-failures"><h2 id="h-failures">connect() failures by program \
            <span>no local port was free: EADDRNOTAVAIL</span></h2>
            <div class="scroll" tabindex="0" role="group" aria-label="connect() failures by program">\
            <table class="failures"><caption class="vh">Programs whose connect() found no port</caption>\
            <thead><tr><th scope="col">Program</th><th scope="col" class="wide">Unit or container</th>\
            <th scope="col">Destination</th><th scope="col" class="num">Last \(Wording.duration(report.recent?.seconds ?? 0))</th>\
            <th scope="col" class="num">Since the start</th></tr></thead><tbody>
            \(rows)\(last)</tbody></table></div></section>
            """
    }

    private func row(_ cells: (name: HTML, unit: HTML), _ destination: HTML, _ recent: Int, _ count: Int) -> HTML {
        """
        <tr><th scope="row"><span class="svcname">\(cells.name)</span></th><td class="wide mono">\(cells.unit)</td>\
        <td class="mono">\(destination)</td><td class="num\(.when(recent > 0, " badnum"))">\(Wording.count(recent))</td>\
        <td class="num">\(Wording.count(count))</td></tr>

        """
    }

    private static let others: (name: HTML, unit: HTML) = ("<span class=\"quiet\">others</span>", "")

    /// The two cells of a program. It chose its name itself.
    private func cells(_ name: ProgramName) -> (name: HTML, unit: HTML) {
        let unit = Wording.name(name.unit)
        switch name.process {
        case "": return ("<span class=\"quiet\">not visible</span>", "\(unit)")
        case ProgramName.kernelWorker where name.unit.isEmpty:
            return ("\(name.process)", "<span class=\"quiet\">the kernel closed it later</span>")
        default: return ("\(Wording.name(name.process))", "\(unit)")
        }
    }
}
