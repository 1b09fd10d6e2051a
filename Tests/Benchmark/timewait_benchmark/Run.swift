import Foundation

/// One run through a plan.
struct Run {
    private let plan: Plan
    private let executables: Executables
    private let generator: Generator
    private var results: Results

    init(_ plan: Plan, _ executables: Executables) throws {
        self.plan = plan
        self.executables = executables
        results = Results(machine: try Machine(executables))
        // What the generator's clients send to its listeners must not get there:
        // Tests/Benchmark/c/timewait_generator/main.c.
        let rule = "ip saddr 127.1.0.0/16 ip daddr 127.0.0.1 tcp dport 8080-8087 drop"
        let chain = "add chain ip benchmark input { type filter hook input priority -300; }"
        _ = try FinishedProgram(
            ["nft", "add table ip benchmark; \(chain); add rule ip benchmark input \(rule)"],
            within: 10
        )
        generator = try Generator(executables)
    }

    /// Goes through all steps.
    mutating func finish() throws -> Results {
        for step in plan.steps {
            switch step {
            case .compare(let timeWaits, let rounds): try compare(timeWaits, rounds)
            case .arrivals(let timeWaits, let rounds): try arrivals(timeWaits, rounds)
            case .web(let rounds, let seconds):
                progress("web: \(rounds) rounds of \(seconds) s")
                results.web = try WebSide.measure(executables, rounds: rounds, seconds: seconds)
                // A connection that closed late may have left one.
                try Waiting.until("no TIME_WAIT is left", within: 90) {
                    try String(contentsOfFile: "/proc/net/sockstat", encoding: .utf8).contains(" tw 0 ")
                }
            case .storm(let storm):
                progress("storm: \(storm.standing) TIME_WAITs and \(storm.rate) new ones a second")
                try generator.grow(to: storm.standing)
                results.storm = try Storm(storm, executables, generator).run()
            }
        }
        results.machine.end = try Machine.Moment()
        return results
    }

    /// All methods take turns at so many TIME_WAITs.
    private mutating func compare(_ timeWaits: Int, _ rounds: Int) throws {
        try generator.grow(to: timeWaits)
        let methods = try methods(timeWaits)
        var turns: [MethodName: [Double]] = [:]
        for round in 1...rounds {
            progress("\(timeWaits) TIME_WAITs: round \(round) of \(rounds)")
            for method in methods {
                let measurement = try method.measure()
                // The floor over procfs counts rows of all states; there are a few more: listeners
                // and connections.
                let extra = method.name == .procfsFloor ? 0...50 : 0...0
                guard extra.contains(measurement.timeWaits - timeWaits) else {
                    throw BenchmarkError("\(method.name.label) saw \(measurement.timeWaits) of \(timeWaits) TIME_WAITs")
                }
                turns[method.name, default: []].append(measurement.milliseconds)
            }
        }
        results.sizes.append(Results.Size(timeWaits: timeWaits, milliseconds: turns))
        for method in methods {
            guard let memory = try method.files?.memory() else { continue }
            results.memory.append(
                Results.Memory(
                    method: method.name,
                    timeWaits: timeWaits,
                    resident: memory.resident,
                    anonymous: memory.anonymous
                )
            )
        }
    }

    /// The methods with fresh processes. At a million a reading over sock_diag may take half a
    /// second, and one over procfs takes more than one.
    private func methods(_ timeWaits: Int) throws -> [any Method] {
        let isLarge = timeWaits > 300_000
        return try [
            FloorMethod(.sockDiagFloor, executables.sockDiagFloor, readings: plan.readings, pause: isLarge ? 2 : 1),
            try ExporterMethod(executables, .exporterSockDiag, interval: isLarge ? 2 : 1, readings: plan.readings),
            try ExporterMethod(
                executables,
                .exporterWithoutArrivals,
                interval: isLarge ? 2 : 1,
                readings: plan.readings
            ),
            try NodeExporterMethod(
                .nodeExporter,
                executables.nodeExporter,
                port: 9100,
                scrapes: isLarge ? 3 : 10
            ),
            FloorMethod(.procfsFloor, executables.procfsFloor, readings: isLarge ? 2 : plan.readings, pause: 1),
            try ExporterMethod(
                executables,
                .exporterProcfs,
                interval: isLarge ? 5 : 1,
                readings: isLarge ? 2 : plan.readings
            ),
            SsMethod(executables),
        ] + newerNodeExporter(scrapes: isLarge ? 3 : 10)
    }

    private func newerNodeExporter(scrapes: Int) throws -> [any Method] {
        guard let program = executables.nodeExporterOfDebian13 else { return [] }
        return [try NodeExporterMethod(.nodeExporterOfDebian13, program, port: 9101, scrapes: scrapes)]
    }

    /// The exporter and its floor, in the default rhythm, while all TIME_WAITs are replaced once in
    /// their 60 seconds.
    private mutating func arrivals(_ timeWaits: Int, _ rounds: Int) throws {
        let interval = 5, readings = 3, rate = timeWaits / 60
        let floor = FloorMethod(.sockDiagFloor, executables.sockDiagFloor, readings: readings, pause: 1)
        let exporter = try ExporterMethod(executables, .exporterSockDiag, interval: interval, readings: readings)
        try generator.churn(rate: rate)
        var turns: [MethodName: [Double]] = [:]
        for round in 1...rounds {
            progress("\(timeWaits) TIME_WAITs, \(rate) new ones a second: round \(round) of \(rounds)")
            for method in [floor, exporter] as [any Method] {
                let measurement = try method.measure()
                // A batch of the generator may be on its way.
                guard abs(measurement.timeWaits - timeWaits) <= timeWaits / 100 else {
                    throw BenchmarkError("\(method.name.label) saw \(measurement.timeWaits) of \(timeWaits) TIME_WAITs")
                }
                turns[method.name, default: []].append(measurement.milliseconds)
            }
        }
        try generator.churn(rate: 0)
        results.arrivals.append(
            Results.Arrivals(timeWaits: timeWaits, rate: rate, interval: interval, milliseconds: turns)
        )
    }

    /// Says on standard error what is going on: a run takes many minutes.
    private func progress(_ text: String) {
        FileHandle.standardError.write(Data("timewait_benchmark: \(text)\n".utf8))
    }
}
