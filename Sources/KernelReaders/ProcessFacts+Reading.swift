package import Model
import System

extension ProcessFacts {
    /// Reads the facts of this process, always from /proc/self: a procfs at another path may belong
    /// to another process' view.
    package static func reading() throws(ReadError) -> ProcessFacts {
        let proc = ProcFilesystem(mount: "/proc")
        let path = "/proc/self/stat"
        let fields = try proc.withContents(of: path) { (bytes) throws(ReadError) in try StatFields(bytes, path) }
        let ticks = Double(CurrentProcess.ticksPerSecond)
        return ProcessFacts(
            cpuSeconds: SystemClock.processCPU.seconds,
            openDescriptors: try openDescriptors(),
            descriptorLimit: CurrentProcess.fileLimit?.soft,
            virtualMemory: fields.virtualMemory,
            residentMemory: fields.residentPages.multipliedReportingOverflow(by: CurrentProcess.pageSize).partialValue,
            startTime: bootTime + Double(fields.startTicks) / ticks,
            threads: fields.threads
        )
    }

    /// When the machine started, in seconds since 1970. Taken once: it would waver by microseconds,
    /// and a start time must not.
    private static let bootTime = SystemClock.realtime.seconds - SystemClock.boottime.seconds

    /// Counts the entries of /proc/self/fd, less the one that the counting opens.
    private static func openDescriptors() throws(ReadError) -> Int {
        do throws(SystemError) {
            return try Folder.names(in: "/proc/self/fd").count { !$0.hasPrefix(".") } - 1
        } catch {
            throw ReadError(error)
        }
    }
}

/// The fields of /proc/self/stat that are wanted, by their numbers in proc(5).
private struct StatFields {
    var threads = 0
    var startTicks = 0
    var virtualMemory = 0
    var residentPages = 0

    init(_ bytes: Span<UInt8>, _ path: String) throws(ReadError) {
        // The second field is the command's name in parentheses, and may hold anything: the last
        // ')' ends it.
        guard let parenthesis = (0..<bytes.count).last(where: { bytes[$0] == UInt8(ascii: ")") }) else {
            throw .malformed(path, "no ')' behind the command's name")
        }
        var position = parenthesis + 1
        for number in 3...24 {
            guard let field = bytes.word(at: &position, before: bytes.count) else {
                throw .malformed(path, "\(number - 1) fields, expected at least 24")
            }
            let value = bytes.decimal(in: field, as: Int.self) ?? 0
            switch number {
            case 20: threads = value
            case 22: startTicks = value
            case 23: virtualMemory = value
            case 24: residentPages = value
            default: break
            }
        }
    }
}
