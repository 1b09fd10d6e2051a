import Aggregator
import Model

@testable import KernelReaders

/// The input is the content of a `format` file of a tracepoint. Where it is accepted, records of
/// any length are read by it.
enum TraceFormatTarget {
    static func check(_ input: [UInt8]) {
        do throws(ReadError) {
            let format = try StateChange.Format(TraceFormat(input.span, from: "format"))
            for count in [0, 1, 2, 20, 64, 4096] {
                let record = [UInt8](repeating: 4, count: count)
                _ = format.change(in: record.span)
            }
        } catch {
            must(error.reason == .malformed && !error.detail.isEmpty, "\(error)")
        }
    }
}

/// The input is the records of perf rings. Read at once and in two parts they give as many closes,
/// which become a page.
enum PerfRingTarget {
    private static let format: StateChange.Format? = try? StateChange.Format(
        TraceFormat(Fixtures.bytes("who/format").span, from: "format")
    )

    static func check(_ input: [UInt8]) {
        guard let format else { return must(false, "no format") }
        for hasGroups in [true, false] {
            let whole = record(input, format, hasGroups, until: [.max])
            let times = whole.closes.map { UInt64(clamping: $0.time.nanoseconds) }.sorted()
            let middle = times.isEmpty ? 0 : times[times.count / 2]
            let parted = record(input, format, hasGroups, until: [middle, .max])
            must(whole.closes.count == parted.closes.count, "other closes in two parts")
            must(whole.failures.count == parted.failures.count, "other failures in two parts")
            must(whole.failedBinds.count == parted.failedBinds.count, "other failed bind()s in two parts")
            must(whole.lost == parted.lost, "another loss in two parts")
            let sorted = whole.closes.map(\.time).sorted()
            must(whole.closes.map(\.time) == sorted, "closes are not in order")
            checkPrograms(whole)
            makePage(of: whole)
        }
    }

    private static func record(_ input: [UInt8], _ format: StateChange.Format, _ hasGroups: Bool, until times: [UInt64])
        -> CloseBatch
    {
        let processes = ProcessFiles(mount: "/nonexistent")
        var recorder = CloseRecorder(format, bind: 77, processes, hasControlGroups: hasGroups)
        var rest = input
        for time in times { rest = recorder.record(rest.span, until: time) }
        must(rest.isEmpty, "\(rest.count) bytes are left")
        return recorder.take(lost: nil)
    }

    private static func checkPrograms(_ batch: CloseBatch) {
        let places = batch.closes.map(\.program) + batch.failures.map(\.program) + batch.failedBinds
        must(places.allSatisfy { $0 < batch.programs.count }, "a program that is not there")
        for program in batch.programs {
            let isShown = program.process.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
            must(isShown && program.process.unicodeScalars.count <= 15, "a program \(program)")
        }
    }

    private static func makePage(of batch: CloseBatch) {
        let namespace = Namespace()
        var memory = Memory(namespace.settings)
        var pages = SamplePages()
        // The TIME_WAITs of the closes, so that some are matched.
        let rows = batch.closes.prefix(64).map { close in
            SocketRow(
                localAddress: close.ends.localAddress,
                localPort: close.ends.localPort,
                remoteAddress: close.ends.remoteAddress,
                remotePort: close.ends.remotePort,
                state: .timeWait,
                isTimeWaitMiniSocket: true,
                timerRemaining: 59_000
            )
        }
        let now = Instant(nanoseconds: 1_000_000_000_000)
        var reading = Reading(namespace.facts, &memory, at: now)
        reading.rows(rows.span, readAt: now)
        let report = reading.finish(&memory)
        var sample = namespace.sample(report, at: now)
        sample.closers = memory.join(batch, report, start: now)
        pages.make(of: sample)
    }
}
