import Aggregator
import ArgumentParser
import Catalogue
import Exposition
import KernelReaders
import Model
import Program
import Sampler
import System
import WebConfiguration

/// `timewait_exporter metrics`: one reading, one page, for node_exporter's textfile collector and
/// for hosts on which no port may be opened.
struct Metrics: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics",
        abstract: "Read once, and print the page of metrics.",
        discussion: """
            For node_exporter's textfile collector, and where no port may be opened. Families that need more than one \
            reading, and those of the exporter's own process, are absent.
            """
    )

    @Option(
        name: .customLong("output"),
        help: ArgumentHelp(
            "File to write, whole or not at all: it is replaced by a new one with mode 0644.",
            discussion: "(default: standard output)",
            valueName: "path"
        ),
        completion: .file(),
        transform: FlagValues.path
    )
    var output: String?

    @Option(
        name: .customLong("format"),
        help: ArgumentHelp("The format: Prometheus' text format 0.0.4, or OpenMetrics 1.0.0.", valueName: "format")
    )
    var format = Format.text

    @OptionGroup
    var reading: ReadingFlags

    @OptionGroup
    var services: ServiceFlags

    @OptionGroup
    var series: SeriesFlags

    /// The formats by the names of `--format`.
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text
        case openMetrics = "openmetrics"

        /// The same for the page.
        var textFormat: TextFormat {
            switch self {
            case .text: .prometheus
            case .openMetrics: .openMetrics
            }
        }
    }

    func run() throws {
        try Exporter.check(procfs: reading.procfs)
        try Thread.check()
        var settings = SamplerSettings()
        settings.source = reading.source
        settings.accounting = series.accounting(services)
        let now = Clock.now
        var sampler = Sampler(ProcFilesystem(mount: reading.procfs), settings, from: now) { Self.tell($0) }
        let sample = sampler.tick(at: now)
        let input = PageInput(sample: sample, exporter: BuildInformation.facts)
        let page = Catalogue.page(input, format.textFormat, isServed: false)
        if let output {
            try Self.write(page.bytes, to: output)
        } else {
            try Terminal.write(page.bytes)
        }
        // The page says so too, and the reason was printed.
        if sample.ports == nil { throw ExitCode.failure }
    }

    /// Says on standard error what could not be read.
    static func tell(_ event: SamplerEvent) {
        let line: String
        switch event {
        case .failed(let collector, let error), .failedInPart(let collector, let error),
            .late(let collector, let error):
            line = "\(collector.rawValue): \(error)"
        case .reads(let source, let obstacle?): line = "read over \(source.rawValue), since \(obstacle)"
        case .malformedRows(let count): line = "socket_table: \(count) rows did not parse and were left out"
        case .readsAddressFiles(let obstacle): line = "local_addresses: read from files, since \(obstacle)"
        case .absent, .recovered, .hidesProcesses, .reads(_, nil): return
        }
        StandardStreams.writeError(Array("timewait_exporter: \(line.onOneLine())\n".utf8))
    }

    /// Replaces the file of `--output`.
    private static func write(_ bytes: [UInt8], to path: String) throws {
        let (step, cause): (String, SystemError)
        do throws(AtomicFile.Failure) {
            return try AtomicFile.write(bytes, to: path)
        } catch {
            switch error {
            case .notRegular:
                let advice = "name a file, or leave --output out for standard output"
                throw StartError(description: "--output '\(path)': not a regular file; \(advice)")
            case .create(let error): (step, cause) = ("create a file beside", error)
            case .write(let error): (step, cause) = ("write", error)
            case .replace(let error): (step, cause) = ("replace", error)
            }
        }
        throw StartError(description: "--output '\(path)': cannot \(step) it: \(cause.reason)")
    }
}
