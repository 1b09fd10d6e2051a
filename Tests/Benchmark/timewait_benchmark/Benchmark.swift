import ArgumentParser
import Glibc
import System

/// The command. It runs in a network namespace of its own, which `.ci/run-benchmark` makes.
@main
struct Benchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timewait_benchmark",
        abstract: "Measures what the exporter costs beside other ways to count TIME_WAIT sockets."
    )

    @Flag(help: "Measure only as much as proves that the benchmark works.")
    var quick = false

    @Option(help: "The exporter to measure, if not the one that was built together with the benchmark.")
    var exporter: String?

    @Option(help: "The folder that the results are written to.")
    var output = "docs/benchmark"

    static func main() {
        do {
            var command = try parse(ProcessArguments.read())
            try command.run()
        } catch {
            exit(withError: error)
        }
    }

    mutating func run() throws {
        let plan = quick ? Plan.quick : Plan.full
        // Whatever hangs, the benchmark ends, and its namespaces with it.
        alarm(plan.limit)
        signal(SIGPIPE, SIG_IGN)
        let executables = try Executables(exporter: exporter)
        var run = try Run(plan, executables)
        let results = try run.finish()
        let report = Report(results)
        print(report.text)
        try report.write(to: output)
    }
}
