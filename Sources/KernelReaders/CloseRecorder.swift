import Model

/// Makes closes with names out of the records of the rings.
struct CloseRecorder {
    /// The most closes and failures that wait to be taken: 55,000 a second for ten seconds, 30 MB.
    static let most = 524_288
    /// The most MPTCP connections whose subflows are waited for.
    private static let mostMultipath = 4096

    private let format: StateChange.Format
    /// The tracepoint of bind() calls that failed, if that is traced.
    private let bind: UInt32?
    private let hasControlGroups: Bool
    private var processes: ProcessTable
    private var groups = ControlGroupTable()
    private var batch = CloseBatch()
    /// The places of the batch's programs.
    private var places: [ProgramKey: UInt32] = [:]
    private var last: (key: ProgramKey, place: UInt32)?
    /// Closes that found no room in the batch.
    private var dropped: UInt64 = 0
    /// What the records say of loss, which is too little.
    private var toldLost: UInt64 = 0
    /// MPTCP connections that close, by the ends that their first subflow has.
    private var multipath: [ConnectionEnds: (process: Int32, group: UInt64?)] = [:]
    private var order: [(time: UInt64, position: Int)] = []

    private struct ProgramKey: Hashable {
        let name: CommandName
        let group: UInt64
        let unit: String?
    }

    init(_ format: StateChange.Format, bind: UInt32? = nil, _ processes: ProcessFiles, hasControlGroups: Bool) {
        self.format = format
        self.bind = bind
        self.hasControlGroups = hasControlGroups
        self.processes = ProcessTable(processes)
    }

    /// Takes in what was there before the first record.
    mutating func merge(_ found: [Int32: ProcessTable.Process], _ groups: [UInt64: String]) {
        processes.merge(found)
        self.groups.merge(groups)
    }

    /// Takes the batch away.
    ///
    /// - Parameter lost: how many events found no room in the rings, if the kernel counts them.
    mutating func take(lost: UInt64?) -> CloseBatch {
        batch.lost = (lost ?? toldLost) &+ dropped
        defer {
            batch = CloseBatch()
            places.removeAll(keepingCapacity: true)
            last = nil
        }
        return batch
    }

    /// Takes in records of any order.
    ///
    /// - Parameter until: a time up to which all records are there.
    /// - Returns: the records of later times, for the next call.
    mutating func record(_ bytes: Span<UInt8>, until: UInt64) -> [UInt8] {
        var later: [UInt8] = []
        order.removeAll(keepingCapacity: true)
        var position = 0
        while position < bytes.count {
            let start = position
            guard let (time, _) = PerfRecord.next(in: bytes, at: &position, hasControlGroups: hasControlGroups) else {
                break
            }
            // Records that are not needed may stand before it.
            if time > until {
                for index in start..<position { later.append(bytes[index]) }
            } else {
                order.append((time, start))
            }
        }
        // A ring's records are in order: these are a few runs, which the standard library's sort
        // merges.
        order.sort { $0.time < $1.time }
        for (time, start) in order {
            var position = start
            if let next = PerfRecord.next(in: bytes, at: &position, hasControlGroups: hasControlGroups) {
                take(next.record, time, bytes)
            }
        }
        return later
    }

    private mutating func take(_ record: PerfRecord, _ time: UInt64, _ bytes: Span<UInt8>) {
        switch record {
        case .sample(let process, let group, let raw):
            // common_type, in front of all fields.
            if let bind, raw.count >= 2, UInt32(bytes.native16(at: raw.lowerBound)) == bind {
                return noteFailedBind(by: process, in: group)
            }
            guard let change = format.change(in: bytes.extracting(raw)) else { return }
            take(change, by: process, in: group, at: time)
        case .controlGroup(let id, let path): groups.note(id, path: path.map { bytes[$0] })
        case .lost(let count): toldLost &+= count
        default: processes.note(record, at: time)
        }
    }

    private mutating func take(_ change: StateChange, by process: Int32, in group: UInt64?, at time: UInt64) {
        switch change.kind {
        case .multipathClose:
            if multipath.count >= Self.mostMultipath { multipath.removeAll() }
            multipath[change.ends] = (process, group)
        case .close:
            guard hasRoom() else { return }
            // A kernel thread closes the subflow; the program has closed the connection.
            let owner = multipath.isEmpty ? nil : multipath.removeValue(forKey: change.ends)
            let (process, group) = owner ?? (process, group)
            let (program, home) = program(process, group)
            batch.closes.append(
                ActiveClose(
                    change.ends,
                    at: Instant(nanoseconds: Int64(clamping: time)),
                    program: program,
                    process: process,
                    home: home
                )
            )
        case .failedConnect:
            guard hasRoom() else { return }
            let (program, home) = program(process, group)
            batch.failures.append(
                FailedConnect(to: change.ends.remoteAddress, change.ends.remotePort, program: program, home: home)
            )
        }
    }

    private mutating func noteFailedBind(by process: Int32, in group: UInt64?) {
        guard hasRoom() else { return }
        let (program, home) = program(process, group)
        if home == .here { batch.failedBinds.append(program) }
    }

    private mutating func hasRoom() -> Bool {
        guard batch.closes.count + batch.failures.count + batch.failedBinds.count < Self.most else {
            dropped += 1
            return false
        }
        return true
    }

    /// The program's place in the batch.
    private mutating func program(_ number: Int32, _ group: UInt64?) -> (place: UInt32, home: ProcessHome) {
        let process = processes.process(number)
        // The group by its id, or what /proc/PID/cgroup says.
        var label = group.flatMap { groups.label(of: $0) }
        if label == nil {
            label = processes.unit(of: number)
            // The next process of the group may be gone when its unit is asked for.
            if let group, let label { groups.note(group, label: label) }
        }
        let unit = group == nil ? label : nil
        let key = ProgramKey(name: process.name, group: group ?? 0, unit: unit)
        if let last, last.key == key { return (last.place, process.home) }
        let place: UInt32
        if let known = places[key] {
            place = known
        } else {
            place = UInt32(batch.programs.count)
            places[key] = place
            batch.programs.append(ProgramName(unit: label ?? "", process: process.name.text))
        }
        last = (key, place)
        return (place, process.home)
    }
}
