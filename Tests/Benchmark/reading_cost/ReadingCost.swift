import Aggregator
import Glibc
import KernelReaders
import Model
import System

/// What the exporter does to read the socket table over sock_diag, alone, at the same rhythm as
/// `sock_diag_floor`: `reading_cost READINGS PAUSE`, with PAUSE in milliseconds, prints for each
/// reading its CPU time in nanoseconds and the number of TIME_WAITs.
@main
struct ReadingCost {
    static func main() {
        let numbers = ((try? ProcessArguments.read()) ?? []).compactMap { UInt32($0) }
        guard numbers.count == 2 else {
            print("reading_cost READINGS PAUSE")
            exit(64)
        }
        do throws(ReadError) {
            try read(numbers[0], pause: numbers[1])
        } catch {
            print(error)
            exit(1)
        }
    }

    private static func read(_ count: UInt32, pause: UInt32) throws(ReadError) {
        let proc = ProcFilesystem(mount: "/proc")
        let ports = try proc.portSysctls().value
        let facts = NamespaceFacts(
            range: ports.range,
            ports: ports.ports,
            addresses: try proc.localAddresses(),
            sysctls: try proc.sysctlValues().value,
            recycled: 0
        )
        var memory = Memory(AccountingSettings())
        var table = try SockDiagTable()
        for _ in 0..<count {
            usleep(pause * 1000)
            let start = cpuNanoseconds
            var reading = Reading(facts, &memory, at: Clock.now)
            _ = try table.read(into: &reading)
            let report = reading.finish(&memory)
            print(cpuNanoseconds - start, report.table[.ipv4, .timeWait] + report.table[.ipv6, .timeWait])
        }
    }

    private static var cpuNanoseconds: Int { Int(Clock.threadCPU.seconds * 1e9) }
}
