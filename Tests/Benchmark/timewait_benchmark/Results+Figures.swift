extension Results {
    /// The figures that this run allows to tell.
    func makeFigures() -> [Figure] {
        let large = sizes.map(\.timeWaits).filter { $0 >= 100_000 }
        return large.flatMap { readingFigures(at: $0) } + arrivalFigures() + memoryFigures() + slopeFigures()
            + webFigures() + stormFigures()
    }

    private func ratio(_ method: MethodName, to other: MethodName, at timeWaits: Int) -> Double {
        (milliseconds(method, at: timeWaits) ?? .nan) / (milliseconds(other, at: timeWaits) ?? .nan)
    }

    private func readingFigures(at timeWaits: Int) -> [Figure] {
        let size = Number.size(timeWaits)
        let overSockDiag = "a reading over sock_diag at \(size)"
        var figures = [
            Figure(
                "\(overSockDiag), arrivals not counted / C that only counts",
                ratio(.exporterWithoutArrivals, to: .sockDiagFloor, at: timeWaits),
                atMost: 1.15
            ),
            Figure(
                "\(overSockDiag), arrivals counted / C that only counts",
                ratio(.exporterSockDiag, to: .sockDiagFloor, at: timeWaits),
                atMost: 1.25
            ),
            Figure(
                "a reading over procfs at \(size) / C that only reads",
                ratio(.exporterProcfs, to: .procfsFloor, at: timeWaits),
                atMost: 1.05
            ),
            Figure(
                "\(overSockDiag) / a scrape of node_exporter's tcpstat",
                ratio(.exporterSockDiag, to: .nodeExporter, at: timeWaits),
                atMost: 0.20
            ),
        ]
        if timeWaits >= 1_000_000 {
            let value = ratio(.exporterSockDiag, to: .ss, at: timeWaits)
            figures.append(Figure("\(overSockDiag) / ss -tan state time-wait", value, atMost: 0.06))
        }
        return figures
    }

    private func arrivalFigures() -> [Figure] {
        arrivals.map { arrivals in
            let what = "\(Number.size(arrivals.timeWaits)) with \(Number.size(arrivals.rate)) new ones a second"
            return Figure(
                "the same at \(what) / C that only counts",
                (arrivals.milliseconds[.exporterSockDiag]?.median ?? .nan)
                    / (arrivals.milliseconds[.sockDiagFloor]?.median ?? .nan),
                atMost: 1.25
            )
        }
    }

    private func memoryFigures() -> [Figure] {
        var figures: [Figure] = []
        if let empty = memory(.exporterSockDiag, at: 0) {
            figures.append(Figure("resident memory at 0, MiB", empty.resident, atMost: 14))
            figures.append(Figure("of it anonymous, MiB", empty.anonymous, atMost: 1.5))
        }
        if let full = memory(.exporterSockDiag, at: 1_000_000) {
            figures.append(Figure("resident memory at 1M, MiB", full.resident, atMost: 40))
        }
        return figures
    }

    /// Whether a socket costs the same in a large table as in a small one.
    private func slopeFigures() -> [Figure] {
        func cost(_ method: MethodName, at timeWaits: Int) -> Double {
            ((milliseconds(method, at: timeWaits) ?? .nan) - (milliseconds(method, at: 0) ?? .nan)) / Double(timeWaits)
        }
        guard milliseconds(.exporterSockDiag, at: 0) != nil, milliseconds(.exporterSockDiag, at: 1_000_000) != nil
        else { return [] }
        let ratio = cost(.exporterSockDiag, at: 1_000_000) / cost(.exporterSockDiag, at: 100_000)
        return [Figure("cost of a socket at 1M / at 100k, over sock_diag", ratio, atLeast: 0.8, atMost: 1.2)]
    }

    private func webFigures() -> [Figure] {
        guard let web else { return [] }
        let ratio = web.exporter.median / web.nodeExporter.median
        return [Figure("pages a second, 8 connections / node_exporter with one cheap collector", ratio, atLeast: 3)]
    }

    private func stormFigures() -> [Figure] {
        guard let storm else { return [] }
        return storm.exporters.map {
            Figure("growth storm, \($0.source): every scrape answered, every reading in time", $0.isFine)
        }
    }
}
