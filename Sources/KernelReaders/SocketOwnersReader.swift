package import Model
import System

/// Reads who owns the sockets of this network namespace, as far as the caller may see it: root sees
/// all, others their own processes, and of every socket its user.
package struct SocketOwnersReader {
    private let proc: ProcFilesystem
    private let readsSockDiag: Bool
    private var names = UserNames()

    /// A reader of a procfs.
    ///
    /// - Parameter readsSockDiag: whether sockets are read over sock_diag where the kernel gives it
    ///   to us. For a captured copy of procfs it is not used: it would describe
    ///   another host.
    package init(_ proc: ProcFilesystem, readsSockDiag: Bool) {
        self.proc = proc
        self.readsSockDiag = readsSockDiag && proc.isLive
    }

    /// Reads every TCP socket that is not TIME_WAIT, and its owner. Sockets that are only bound are
    /// among them over sock_diag of Linux 6.8 and later.
    ///
    /// - Parameter asksOptions: which sockets are asked for their options.
    package mutating func read(asksOptions: (OwnedSocket) -> Bool) throws(ReadError) -> SocketOwners {
        var owners = SocketOwners()
        owners.sockets = try sockets()
        var (wanted, asked): (Set<UInt64>, Set<UInt64>) = ([], [])
        for socket in owners.sockets where socket.inode != 0 {
            wanted.insert(socket.inode)
            if asksOptions(socket) { asked.insert(socket.inode) }
        }
        let scan = ProcessScan(proc, for: wanted, asking: asked)
        owners.processes = scan.processes
        owners.options = scan.options
        if scan.hasBlindSpots {
            owners.hidden = try lasting(owners.sockets.filter { $0.inode != 0 && scan.processes[$0.inode] == nil })
        }
        owners.optionsAreHidden = scan.optionsAreHidden || owners.hidden.contains { asked.contains($0.inode) }
        owners.userNames = userNames(of: owners.sockets)
        return owners
    }

    /// Finds the owners of some sockets.
    ///
    /// - Parameter asksOptions: whether the sockets are asked for their options.
    package mutating func owners(of sockets: [OwnedSocket], asksOptions: Bool) -> SocketOwners {
        var owners = SocketOwners()
        owners.sockets = sockets
        let wanted = Set(sockets.lazy.map(\.inode).filter { $0 != 0 })
        let scan = ProcessScan(proc, for: wanted, asking: asksOptions ? wanted : [])
        owners.processes = scan.processes
        owners.options = scan.options
        owners.userNames = userNames(of: sockets)
        return owners
    }

    /// Those of some sockets that are still there: what was closed before its process was looked at
    /// is not hidden.
    private func lasting(_ candidates: [OwnedSocket]) throws(ReadError) -> [OwnedSocket] {
        guard !candidates.isEmpty else { return [] }
        let present = Set(try sockets().lazy.map(\.inode))
        return candidates.filter { present.contains($0.inode) }
    }

    private func sockets() throws(ReadError) -> [OwnedSocket] {
        if readsSockDiag {
            do throws(ReadError) {
                var table = try SockDiagTable()
                return try table.ownedSockets()
            } catch {
                // Falls back to procfs.
            }
        }
        var table = ProcSocketTable(proc)
        return try table.ownedSockets()
    }

    /// The names of the sockets' users.
    ///
    /// The kernel gives the numbers as this process' user namespace has them, and so are the names:
    /// those that `ps` and `id` would print here. A user that the namespace does not have goes by
    /// the overflow number, which would be called nobody; that name is left out. A procfs of
    /// elsewhere, with a passwd of elsewhere, gives no names.
    private mutating func userNames(of sockets: [OwnedSocket]) -> [UInt32: String] {
        guard proc.hasOurProcessNumbers else { return [:] }
        // Mini-sockets have none, and say 0.
        var users = Set(sockets.lazy.filter { !$0.row.isTimeWaitMiniSocket }.map(\.user))
        if let overflow = proc.overflowUser { users.remove(overflow) }
        return names.names(of: users)
    }
}

/// A search through the descriptors of all processes (/proc/PID/fd) for those that hold some
/// sockets, which are asked for their options on the way.
///
/// It costs 4 µs a descriptor, nearly all of them the kernel's, and ends with the last socket
/// found; asking costs another 6 µs a socket. Threads are skipped: they share the descriptors of
/// their process.
struct ProcessScan {
    private let proc: ProcFilesystem
    /// The inodes of the sockets that are still looked for.
    private var wanted: Set<UInt64>
    /// The inodes of the sockets that are asked for their options.
    private let asked: Set<UInt64>
    private let mayAsk: Bool
    /// The processes, by inode; the one with the lowest number of several.
    private(set) var processes: [UInt64: SocketProcess] = [:]
    /// By inode.
    private(set) var options: [UInt64: SocketOptions] = [:]
    /// Whether there may be processes that could not be looked at.
    private(set) var hasBlindSpots = false
    /// Whether options could not be asked of a process that was found.
    private(set) var optionsAreHidden = false

    private var entries = NumberedEntries()
    private var link = [UInt8](repeating: 0, count: 64)

    /// Searches for the sockets with some inodes.
    init(_ proc: ProcFilesystem, for wanted: Set<UInt64>, asking asked: Set<UInt64>) {
        self.proc = proc
        self.wanted = wanted
        self.asked = asked
        mayAsk = !asked.isEmpty && proc.hasOurProcessNumbers
        if !wanted.isEmpty { run() }
    }

    private mutating func run() {
        var numbers: [Int32] = []
        do throws(ReadError) {
            try entries.append(allOf: proc.mount, to: &numbers)
        } catch {
            hasBlindSpots = true
        }
        numbers.sort()
        hasBlindSpots = hasBlindSpots || proc.isLive && (numbers.first != 1 || proc.isOfInnerPIDNamespace)
        for number in numbers where !wanted.isEmpty {
            do throws(ReadError) {
                try search(number)
            } catch {
                // A process that has ended hides nothing.
                if error.reason != .notFound { hasBlindSpots = true }
            }
        }
    }

    /// Looks at the descriptors of a process.
    private mutating func search(_ number: Int32) throws(ReadError) {
        let folder = try Folder("\(proc.mount)/\(number)/fd")
        var process: SocketProcess?
        var handle: ProcessHandle?
        while try entries.read(from: folder) {
            for descriptor in entries.numbers {
                guard let inode = try socket(descriptor, in: folder), wanted.contains(inode) else { continue }
                let owner: SocketProcess
                if let process { owner = process } else { owner = try SocketProcess(number, descriptors: folder) }
                process = owner
                wanted.remove(inode)
                processes[inode] = owner
                if asked.contains(inode) { ask(inode, descriptor, of: number, &handle) }
                if wanted.isEmpty { return }
            }
        }
    }

    /// The inode of the socket behind a descriptor; nil if it is something else, or closed by now.
    private mutating func socket(_ descriptor: Int32, in folder: borrowing Folder) throws(ReadError) -> UInt64? {
        do throws(ReadError) {
            let count = try folder.readLink("\(descriptor)", into: &link)
            return link.span.extracting(0..<count).socketInode
        } catch let error where error.reason == .notFound {
            return nil
        } catch {
            // The kernel refuses the descriptors of a process that has just ended, too; its name
            // then is gone.
            _ = try FileDescriptor(reading: "../comm", in: folder).readOnce(atMost: 1)
            throw error
        }
    }

    private mutating func ask(
        _ inode: UInt64,
        _ descriptor: Int32,
        of process: Int32,
        _ handle: inout ProcessHandle?
    ) {
        guard mayAsk else {
            optionsAreHidden = true
            return
        }
        do throws(ReadError) {
            if handle == nil { handle = try ProcessHandle(process) }
            options[inode] = try handle?.options(ofSocket: inode, at: descriptor)
        } catch {
            if error.reason != .notFound { optionsAreHidden = true }
        }
    }
}

extension SocketProcess {
    /// Reads the name and the control groups of the process that a folder of descriptors belongs
    /// to.
    init(_ number: Int32, descriptors folder: borrowing Folder) throws(ReadError) {
        // A process may put newlines into its name; the last one is the kernel's.
        var name = try FileDescriptor(reading: "../comm", in: folder).readOnce(atMost: 64)
        if name.isEmpty { throw .absent(folder.path(of: "../comm"), "is empty") }
        if name.last == UInt8(ascii: "\n") { name.removeLast() }
        // Kernels can be built without control groups.
        let groups = try? FileDescriptor(reading: "../cgroup", in: folder).readOnce(atMost: 64 * 1024)
        let group = groups.map { ControlGroup($0.span) } ?? ControlGroup()
        self.init(
            pid: number,
            name: String(decoding: name.prefix(15), as: UTF8.self),
            unit: group.unit,
            container: group.container
        )
    }
}

extension Span<UInt8> {
    /// The inode in where a socket's descriptor leads to, `socket:[5120]`; nil where it is no
    /// socket's.
    var socketInode: UInt64? {
        guard starts(with: "socket:["), self[count - 1] == UInt8(ascii: "]") else { return nil }
        return decimal(in: 8..<count - 1)
    }
}
