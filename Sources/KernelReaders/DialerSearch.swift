package import Model
import System

/// Finds programs whose connections are too short to appear in a socket table.
///
/// A naive probe connects and closes within a tenth of a millisecond; a table is a millisecond old
/// when its last row is read, and the program has closed its descriptor by then. So the descriptors
/// come first here: one that was not there at the look before is asked at once for both of its ends
/// (pidfd_getfd(2)). Only processes that have run since are looked at, which their CPU clocks tell,
/// so that a look takes less than a millisecond.
package struct DialerSearch {
    /// A connection that was seen, and the process that opened it, or accepted it.
    package struct Connection: Sendable {
        /// Whose it is.
        package var process: SocketProcess
        /// Its local end.
        package var local: (address: IPAddress, port: Port)
        /// Its other end.
        package var remote: (address: IPAddress, port: Port)
    }

    private let proc: ProcFilesystem
    private let network: String?
    private var entries = NumberedEntries()
    private var link = [UInt8](repeating: 0, count: 64)
    /// The CPU time of each process at the last look, in nanoseconds.
    private var times: [Int32: UInt64]?
    /// The inodes of sockets that were seen: there is nothing new to learn from them.
    private var known: Set<UInt64> = []

    /// A search in a procfs; nil where its processes are not those that system calls take.
    package init?(_ proc: ProcFilesystem) {
        guard proc.hasOurProcessNumbers else { return nil }
        self.proc = proc
        network = FilePath.target(of: "\(proc.mount)/self/ns/net")
    }

    /// Looks once at all processes. The first time it only learns what there is.
    package mutating func look() -> [Connection] {
        var numbers: [Int32] = []
        do throws(ReadError) {
            try entries.append(allOf: proc.mount, to: &numbers)
        } catch {
            return []
        }
        var (now, found): ([Int32: UInt64], [Connection]) = ([:], [])
        let before = times
        for number in numbers where number != CurrentProcess.number {
            guard let time = ProcessDescriptor.processorTime(of: number) else { continue }
            now[number] = time
            if before?[number] == time { continue }
            // The process may have ended, or may not be read.
            try? look(at: number, asks: before != nil, &found)
        }
        times = now
        return found
    }

    private mutating func look(at number: Int32, asks: Bool, _ found: inout [Connection]) throws(ReadError) {
        let folder = try Folder("\(proc.mount)/\(number)/fd")
        var handle: ProcessHandle?
        while try entries.read(from: folder) {
            for descriptor in entries.numbers {
                guard let count = try? folder.readLink("\(descriptor)", into: &link),
                    let inode = link.span.extracting(0..<count).socketInode, known.insert(inode).inserted, asks
                else { continue }
                if handle == nil { handle = try ProcessHandle(number) }
                guard let ends = handle?.ends(ofSocket: inode, at: descriptor),
                    FilePath.target(of: "\(proc.mount)/\(number)/ns/net") == network
                else { continue }
                let process = try SocketProcess(number, descriptors: folder)
                found.append(Connection(process: process, local: ends.local, remote: ends.remote))
            }
        }
    }
}
