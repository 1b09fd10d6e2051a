import Foundation
import Glibc

/// The table grows fast. Reading /proc/net/tcp to its end may not end then, because the kernel
/// begins anew for each part.
struct Storm {
    /// How it is made.
    struct Plan: Codable {
        /// TIME_WAITs before it.
        let standing: Int
        /// New ones a second.
        let rate: Int
        /// How long it takes.
        let seconds: Int
    }

    private let plan: Plan
    private let executables: Executables
    private let generator: Generator

    init(_ plan: Plan, _ executables: Executables, _ generator: Generator) {
        self.plan = plan
        self.executables = executables
        self.generator = generator
    }

    /// Both exporters are scraped ten times a second, while `cat` and `ss` try their luck.
    func run() throws -> Results.Storm {
        let exporters = [
            (source: RunningExporter.Source.sockDiag, port: UInt16(10057), interval: 1),
            (source: .procfs, port: 10058, interval: 2),
        ]
        let running = try exporters.map {
            try RunningExporter(executables, $0.source, port: $0.port, interval: $0.interval)
        }
        var witnesses = exporters.map { Results.Storm.Exporter(source: $0.source.rawValue, interval: $0.interval) }
        try generator.beginToGrow(to: plan.standing + plan.rate * plan.seconds, rate: plan.rate)
        let start = Date()
        let end = start + Double(plan.seconds)
        var peers = [
            Peer("cat /proc/net/tcp", begin: start + 0.5),
            Peer("ss -tan state time-wait", begin: start + Double(plan.seconds) / 4),
        ]
        while Date() < end {
            for index in peers.indices { try peers[index].look() }
            for index in running.indices { try Self.scrape(running[index], &witnesses[index]) }
            usleep(100_000)
        }
        let untilEnd = peers.map(\.result)
        try generator.finish(within: 30)
        return Results.Storm(plan: plan, exporters: witnesses, peers: untilEnd)
    }

    /// Gets a page, and notes how long that took and what it says of the last reading.
    private static func scrape(_ exporter: RunningExporter, _ witness: inout Results.Storm.Exporter) throws {
        let start = Date()
        let page = try exporter.page()
        witness.slowestScrape = max(witness.slowestScrape, Date().timeIntervalSince(start))
        guard let page else {
            witness.unanswered += 1
            return
        }
        witness.answered += 1
        guard let last = RunningExporter.lastReading(page),
            let took = page.sum("timewait_sampler_duration_seconds", #"collector="socket_table""#)
        else { throw BenchmarkError("the exporter has no readings of the socket table") }
        if last != witness.lastReading {
            if let before = witness.lastReading {
                witness.readings += 1
                witness.longestGap = max(witness.longestGap, last - before)
            }
            witness.lastReading = last
        }
        witness.slowestReading = max(witness.slowestReading, took)
    }

    /// A program that reads all and is done, if it ever is.
    private struct Peer {
        private let command: String
        private let begin: Date
        private var child: Child?
        private var seconds: Double?

        init(_ command: String, begin: Date) {
            self.command = command
            self.begin = begin
        }

        /// Starts it when it is time, and sees whether it has ended.
        mutating func look() throws {
            if child == nil, seconds == nil, Date() >= begin {
                child = try Child(command.split(separator: " ").map(String.init))
            }
            if seconds == nil, try child?.endingIfAny() != nil { seconds = Date().timeIntervalSince(begin) }
        }

        /// How it went until now.
        var result: Results.Storm.Peer {
            Results.Storm.Peer(command: command, seconds: seconds, waited: Date().timeIntervalSince(begin))
        }
    }
}
