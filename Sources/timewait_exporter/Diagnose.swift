import Advice
import Aggregator
import ArgumentParser
import Glibc
import KernelReaders
import Model
import Presentation
import Program
import RemoteExporter
import System
import WebConfiguration

/// `timewait_exporter diagnose`: what is wrong with this machine, and what to do about it.
struct Diagnose: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diagnose",
        abstract: "Say what is wrong with the TIME_WAITs and the ports of this machine, and what to do about it.",
        discussion: """
            One reading, printed for a person; it changes nothing. As root it names the programs behind the sockets. The \
            exit status is that of monitoring plugins: 0 nothing or notes only, 1 a warning, 2 something critical, 3 it \
            could not read, 64 wrong usage.
            """
    )

    @Flag(name: .customLong("watch"), help: "Read and redraw until stopped.")
    var watches = false

    @Option(
        name: .customLong("interval"),
        help: ArgumentHelp(
            "Time between two readings of --watch, 1s to 30s.",
            discussion: "(default: 5s)",
            valueName: "duration"
        ),
        transform: FlagValues.interval
    )
    var interval = 5.0

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp(
            "How long to watch what grows: leaking connections, queues, connections without TIME_WAIT; 1s to 10m.",
            discussion: "(default: one reading)",
            valueName: "duration"
        ),
        transform: FlagValues.period
    )
    var period: Double?

    @Option(
        name: .customLong("trace"),
        help: ArgumentHelp(
            "How long to trace who closes first, and whose connect() or bind() finds no port; 1s to 10m. Needs root.",
            discussion: "(default: not at all)",
            valueName: "duration"
        ),
        transform: FlagValues.period
    )
    var traced: Double?

    @Flag(name: .customLong("json"), help: "Print JSON, by docs/diagnose.schema.json.")
    var isJSON = false

    @Flag(name: .customLong("verbose"), help: "List every check that found nothing.")
    var isVerbose = false

    @Option(
        name: .customLong("color"),
        help: ArgumentHelp("When to use colours; auto is on a terminal.", valueName: "when")
    )
    var colour = Terminal.ColourChoice.auto

    @OptionGroup(title: "Another host")
    var remote: RemoteFlags

    @OptionGroup
    var reading: ReadingFlags

    @OptionGroup
    var services: ServiceFlags

    func validate() throws {
        if traced != nil, watches || period != nil || remote.url != nil {
            let flag = watches ? "--watch" : period != nil ? "--for" : "--url"
            throw ValidationError("'--trace' and '\(flag)' exclude each other: --trace looks at this host and ends")
        }
        if watches, period != nil {
            throw ValidationError("'--watch' and '--for' exclude each other: --watch looks for as long as it runs")
        }
        if watches, isJSON {
            throw ValidationError("'--watch' and '--json' exclude each other; run '--json' as often as you want it")
        }

        if remote.url != nil, watches || period != nil {
            let flag = watches ? "--watch" : "--for"
            throw ValidationError("'\(flag)' looks at this host; the exporter that '--url' asks looks all the time")
        }
        if remote.url != nil, !(services.ports.tcp.isEmpty && services.ports.udp.isEmpty) {
            throw ValidationError("'--services.ports' is the exporter's own flag, where '--url' asks one")
        }
    }

    func run() throws {
        let diagnosis: Diagnosis
        do {
            if let exporter = try remote.exporter {
                diagnosis = try ask(exporter)
            } else {
                try Exporter.check(procfs: reading.procfs)
                try Thread.check()
                var examination = Examination(
                    reading,
                    services,
                    interval: watches ? interval : 1,
                    traces: traced != nil
                )
                if watches { try watch(&examination) }
                diagnosis = try examine(&examination)
            }
            try write(diagnosis)
        } catch let error as ValidationError {
            throw error
        } catch {
            StandardStreams.writeError(Array("timewait_exporter: \("\(error)".onOneLine())\n".utf8))
            throw ExitCode(3)
        }
        if let status = diagnosis.exitStatus { throw ExitCode(status) }
    }

    /// Asks a running exporter.
    private func ask(_ exporter: RemoteExporter) throws -> Diagnosis {
        let path = PagesOnDemand.diagnosisPath
        let json = try exporter.fetch(path)
        do throws(Diagnosis.Unreadable) {
            return try Diagnosis(json: json)
        } catch {
            throw StartError(description: "--url: the answer of \(path) is not a diagnosis: \(error)")
        }
    }

    /// One look, or two with time between them.
    private func examine(_ examination: inout Examination) throws -> Diagnosis {
        let began = Clock.now
        let first = examination.tick()
        var situation: Situation
        if let period = traced ?? period {
            let last = try wait(period, from: began, first.next, &examination) ?? first.sample
            situation = try examination.situation(of: last, began: began)
            situation.earlier = first.sample
            if let traced { situation.traced = last.closers.map { Traced(seconds: traced, report: $0) } }
        } else {
            situation = try examination.situation(of: first.sample, began: began)
        }
        let diagnosis = Diagnosis(of: situation)
        // A table does not show which processes reconnect and which keep a connection.
        guard diagnosis.findings.contains(where: { $0.check == .localProber }) else { return diagnosis }
        examination.searchDialers(for: &situation)
        return Diagnosis(of: situation)
    }

    /// Reads on for some seconds.
    ///
    /// - Returns: the last sample; nil where there was no more.
    private func wait(
        _ period: Double,
        from began: Instant,
        _ firstNext: Instant,
        _ examination: inout Examination
    ) throws -> Sample? {
        var sample: Sample?
        var next = firstNext
        let end = began + period
        let isTerminal = StandardStreams.errorIsTerminal && !Terminal.isDumb
        if StandardStreams.errorIsTerminal, Terminal.isDumb {
            StandardStreams.writeError(Array("Second reading in \(Wording.duration(period)) ...\n".utf8))
        }
        defer { if isTerminal { StandardStreams.writeError(Array("\r\u{1b}[K".utf8)) } }
        while next <= end + 0.5 {
            if isTerminal {
                let left = Wording.duration(max(0, end - Clock.now))
                StandardStreams.writeError(Array("\r\u{1b}[KSecond reading in \(left) ...".utf8))
            }
            Self.sleep(until: next)
            let tick = examination.tick()
            sample = tick.sample
            next = tick.next
        }
        return sample
    }

    /// Looks again and again; ends only by a signal, or where there is nothing to look at any more.
    private func watch(_ examination: inout Examination) throws -> Never {
        // What is drawn is drawn to its end: colours, and a line of its own for what comes next.
        if StandardStreams.outputIsTerminal { Self.endings.block() }
        var earlier: Sample?
        var drawnAt: Instant?
        while true {
            let began = Clock.now
            let (sample, next) = examination.tick()
            if sample.readAt?.moment != drawnAt {
                drawnAt = sample.readAt?.moment
                var situation = try examination.situation(of: sample, began: began)
                situation.hasMemory = true
                situation.earlier = earlier
                earlier = sample
                // The next page follows a change of the terminal's size.
                let terminal = Terminal(colour)
                let text = TextReport.text(Diagnosis(of: situation), options(terminal))
                // Home, the page, and nothing behind it: what is drawn over does not flicker.
                let page =
                    terminal.movesCursor ? "\u{1b}[H\(Self.screen(text, rows: terminal.rows))\u{1b}[J" : text + "\n"
                try Terminal.write(Array(page.utf8))
            }
            Self.sleepOrEnd(until: next)
        }
    }

    /// The signals that end `--watch`.
    private static let endings = Signals([SIGINT, SIGTERM])

    /// Sleeps, and ends by the signal that has come, as a process that takes no notice of signals
    /// does.
    private static func sleepOrEnd(until moment: Instant) {
        do throws(SystemError) {
            // Without --watch on a terminal nothing is blocked, and this is a sleep.
            guard let signal = try endings.wait(atMost: min(moment - Clock.now, 60)) else { return }
            endings.unblock()
            Signals.raise(signal)
        } catch {
            // A filter of system calls denies the wait: a signal ends the process wherever it is.
            endings.unblock()
            sleep(until: moment)
        }
    }

    /// The text with an escape at the end of each line that clears what was there before. What has
    /// no place is left out: a page that is higher than the terminal would be drawn below the one
    /// before.
    private static func screen(_ text: String, rows: Int?) -> String {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        // The last one is empty: the cursor's.
        if let rows, rows > 2, lines.count > rows {
            let left = lines.count - rows + 1
            let rest = Wording.count(left, "more line", "more lines")
            lines = lines.prefix(rows - 2) + ["\(rest): without --watch all are printed", ""]
        }
        return lines.joined(separator: "\u{1b}[K\n")
    }

    private func write(_ diagnosis: Diagnosis) throws {
        if isJSON { return try Terminal.write(diagnosis.json) }
        try Terminal.write(Array(TextReport.text(diagnosis, options(Terminal(colour))).utf8))
    }

    private func options(_ terminal: Terminal) -> TextReport.Options {
        var options = TextReport.Options()
        options.width = terminal.columns
        options.hasColour = terminal.hasColour
        options.hasLinks = terminal.hasLinks
        options.isVerbose = isVerbose
        return options
    }

    private static func sleep(until moment: Instant) {
        SystemClock.sleep(for: .seconds(min(moment - Clock.now, 60)))
    }
}

extension Terminal.ColourChoice: ExpressibleByArgument {}

extension Diagnosis {
    /// The exit status of monitoring plugins; nil for success.
    fileprivate var exitStatus: Int32? {
        switch worst {
        case .critical: 2
        case .warning: 1
        case .note, nil: nil
        }
    }
}
