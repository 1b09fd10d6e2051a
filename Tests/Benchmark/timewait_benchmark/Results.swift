import Foundation

/// All that was measured, as it is written to results.json.
struct Results: Codable {
    var machine: Machine
    var sizes: [Size] = []
    var arrivals: [Arrivals] = []
    var memory: [Memory] = []
    var web: Web?
    var storm: Storm?
    var figures: [Figure] = []

    init(machine: Machine) { self.machine = machine }

    /// CPU time of a reading at a number of TIME_WAITs that stand still: a value for each round.
    struct Size: Codable {
        let timeWaits: Int
        let milliseconds: [MethodName: [Double]]
    }

    /// The same while `rate` of them are new each second.
    struct Arrivals: Codable {
        let timeWaits: Int
        let rate: Int
        /// Seconds between two readings of the exporter.
        let interval: Int
        let milliseconds: [MethodName: [Double]]
    }

    /// Memory of a process after its rounds, in MiB.
    struct Memory: Codable {
        let method: MethodName
        let timeWaits: Int
        let resident: Double
        let anonymous: Double
    }

    /// Requests a second: a value for each round.
    struct Web: Codable {
        let exporter: [Double]
        let nodeExporter: [Double]
    }

    /// What happened during the growth storm.
    struct Storm: Codable {
        let plan: timewait_benchmark.Storm.Plan
        let exporters: [Exporter]
        let peers: [Peer]

        /// The exporter over one of its sources.
        struct Exporter: Codable {
            let source: String
            /// Seconds between two readings.
            let interval: Int
            /// Scrapes that got a page, and those that did not.
            var answered = 0
            var unanswered = 0
            /// In seconds.
            var slowestScrape = 0.0
            var slowestReading = 0.0
            /// Readings that ended during the storm, and the longest time between two of them.
            var readings = 0
            var longestGap = 0.0
            /// When the last one ended.
            var lastReading: Double?

            /// Whether all went as at any other time.
            var isFine: Bool {
                answered > 0 && unanswered == 0 && readings > 0 && slowestReading < Double(interval)
                    && longestGap < 1.5 * Double(interval)
            }
        }

        /// Another program that reads the table.
        struct Peer: Codable {
            let command: String
            /// How long it took; nil if it did not end during the storm.
            let seconds: Double?
            /// How long it was waited for.
            let waited: Double
        }
    }
}

extension Results {
    /// The median CPU time of a reading at a number of TIME_WAITs that stand still.
    func milliseconds(_ method: MethodName, at timeWaits: Int) -> Double? {
        sizes.first { $0.timeWaits == timeWaits }?.milliseconds[method]?.median
    }

    /// The memory of a method's process.
    func memory(_ method: MethodName, at timeWaits: Int) -> Memory? {
        memory.first { $0.method == method && $0.timeWaits == timeWaits }
    }
}

extension [Double] {
    /// The value in the middle; of two, their mean.
    var median: Double {
        let ordered = sorted()
        guard !ordered.isEmpty else { return .nan }
        return (ordered[(count - 1) / 2] + ordered[count / 2]) / 2
    }
}
