import Model
import System

/// The names of all processes and the network namespaces that they are in, kept up to date from the
/// records of a perf ring, in the order of time: so a process that has ended by now has its name,
/// too.
///
/// Those that were there before the first record come from procfs: all at once by `Scan`, or one by
/// one where they are asked for.
struct ProcessTable {
    struct Process {
        var name: CommandName
        var home = ProcessHome.unknown
        /// The unit by /proc/PID/cgroup, where that is needed and has been read.
        var unit: String?
        /// When it ended.
        var end: UInt64?
    }

    /// The most processes that are remembered; above it all are forgotten, and read again where
    /// they are needed.
    private static let most = 131_072
    /// How long, in nanoseconds, a process is remembered after its end: the kernel may close its
    /// sockets after the record (Linux 6.16).
    private static let grace: UInt64 = 10_000_000_000

    private let procfs: ProcessFiles
    private var processes: [Int32: Process] = [:]
    /// Those that have ended, in the order of their ends.
    private var ended: [(process: Int32, time: UInt64)] = []
    private var firstEnded = 0

    init(_ procfs: ProcessFiles) {
        self.procfs = procfs
    }

    /// Adds processes that procfs has shown. What a record said about one of them is newer.
    mutating func merge(_ scanned: [Int32: Process]) {
        processes.merge(scanned) { recorded, scanned in
            var process = recorded
            if process.home == .unknown { process.home = scanned.home }
            return process
        }
    }

    /// Applies a record.
    mutating func note(_ record: PerfRecord, at time: UInt64) {
        switch record {
        case .fork(let parent, let child):
            forgetEnded(before: time)
            // What is known of its number is of another process, which has ended.
            processes[child] = nil
            // A process of which there was no record is read from procfs if it is asked for.
            guard child > 0, var process = processes[parent] else { return }
            process.end = nil
            if processes.count >= Self.most { processes.removeAll() }
            processes[child] = process
        case .name(let process, let name) where process > 0:
            processes[process, default: Process(name: name)].name = name
            // systemd moves a process to its unit before it executes the program.
            processes[process]?.unit = nil
        case .networkNamespace(let process, let inode) where process > 0:
            guard processes[process] != nil else { return }
            processes[process]?.home = inode == procfs.ownNamespace ? .here : .elsewhere
        case .exit(let process) where processes[process] != nil:
            processes[process]?.end = time
            ended.append((process, time))
        default: break
        }
    }

    /// A process that a sample is of.
    mutating func process(_ number: Int32) -> Process {
        if let process = processes[number] { return process }
        guard number > 0, let process = procfs.process(number) else { return Process(name: .unknown) }
        if processes.count >= Self.most { processes.removeAll() }
        processes[number] = process
        return process
    }

    /// The unit of a process by its /proc/PID/cgroup; nil if that cannot be seen.
    mutating func unit(of number: Int32) -> String? {
        if let unit = processes[number]?.unit { return unit }
        let unit = procfs.unit(of: number)
        processes[number]?.unit = unit
        return unit
    }

    private mutating func forgetEnded(before now: UInt64) {
        while firstEnded < ended.count, ended[firstEnded].time &+ Self.grace < now {
            let (process, time) = ended[firstEnded]
            // Another process may have its number by now.
            if processes[process]?.end == time { processes[process] = nil }
            firstEnded += 1
        }
        if firstEnded > 1024, firstEnded * 2 > ended.count {
            ended.removeFirst(firstEnded)
            firstEnded = 0
        }
    }
}

/// What procfs says of processes.
struct ProcessFiles: Sendable {
    private let mount: String
    /// The inode of this network namespace in nsfs; nil where it cannot be read.
    let ownNamespace: UInt64?
    /// The inode of this network namespace's /proc/PID/net/tcp, which can be asked of every process
    /// that can be seen, unlike /proc/PID/ns/net.
    private let ownTable: UInt64?

    init(_ proc: ProcFilesystem) {
        // Only there the numbers are those of the records.
        self.init(mount: proc.hasOurProcessNumbers ? proc.mount : "/proc")
    }

    init(mount: String) {
        self.mount = mount
        let link = FilePath.target(of: "\(mount)/thread-self/ns/net")
        let digits = link.map { Array($0.utf8.filter { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) }
        ownNamespace = digits.flatMap { $0.span.decimal(in: 0..<$0.count) }
        ownTable = (try? FileStatus(at: "\(mount)/thread-self/net/tcp"))?.identity.inode
    }

    /// Whether the processes of other users can be seen: with hidepid=2 (ProtectProc=invisible)
    /// even the first one is hidden from who may not trace it.
    var areVisible: Bool { FilePath.exists("\(mount)/1/comm") }

    /// A process that runs; nil if it cannot be seen.
    func process(_ number: Int32) -> ProcessTable.Process? {
        guard let name = try? FileDescriptor(reading: "\(mount)/\(number)/comm").readOnce(atMost: 64) else {
            return nil
        }
        let ends = name.last == UInt8(ascii: "\n") ? name.count - 1 : name.count
        let table = (try? FileStatus(at: "\(mount)/\(number)/net/tcp"))?.identity.inode
        let home: ProcessHome =
            if let table, let ownTable { table == ownTable ? .here : .elsewhere } else { .unknown }
        return ProcessTable.Process(name: CommandName(name.span.extracting(0..<ends)), home: home)
    }

    /// The unit of a process that runs; nil if it cannot be seen.
    func unit(of number: Int32) -> String? {
        guard let bytes = try? FileDescriptor(reading: "\(mount)/\(number)/cgroup").readOnce(atMost: 64 * 1024) else {
            return nil
        }
        return ControlGroup(bytes.span).label
    }

    /// All processes that run and can be seen.
    func scan() -> [Int32: ProcessTable.Process] {
        var found: [Int32: ProcessTable.Process] = [:]
        var (numbers, entries) = ([Int32](), NumberedEntries())
        try? entries.append(allOf: mount, to: &numbers)
        for number in numbers { found[number] = process(number) }
        return found
    }
}
