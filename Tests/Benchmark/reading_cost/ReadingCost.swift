import Aggregator
import Glibc
import KernelReaders
import Model
import System

/// What the exporter does to read the socket table, alone, at the same rhythm as `sock_diag_floor`
/// and `procfs_floor`: `reading_cost READINGS PAUSE [procfs]`, with PAUSE in milliseconds, prints
/// for each reading its CPU time in nanoseconds and the number of TIME_WAITs.
@main
struct ReadingCost {
    static func main() {
        let arguments = (try? ProcessArguments.read()) ?? []
        let numbers = arguments.compactMap { UInt32($0) }
        guard numbers.count == 2 else {
            print("reading_cost READINGS PAUSE [procfs]")
            exit(64)
        }
        do throws(ReadError) {
            if arguments.last == "procfs" {
                var table = ProcSocketTable(ProcFilesystem(mount: "/proc"))
                try read(&table, numbers[0], pause: numbers[1])
            } else {
                var table = try SockDiagTable()
                try read(&table, numbers[0], pause: numbers[1])
            }
        } catch {
            print(error)
            exit(1)
        }
    }

    private static func read<Table: SocketTableSource & ~Copyable>(
        _ table: inout Table,
        _ count: UInt32,
        pause: UInt32
    ) throws(ReadError) {
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
