package import Model
import Synchronization
import System

/// Traces who closes first, and whose connect() finds no port, in all network namespaces of the
/// machine, with the tracepoint sock:inet_sock_set_state.
///
///     let trace = try CloseTrace(format, proc)
///     let batch = trace.take()
///
/// A thread of its own empties the rings whenever one of them is half full. What it has read waits
/// in a queue of bounded size.
package final class CloseTrace: Sendable {
    /// The files that a trace without bind() keeps open: two events for each CPU.
    package static var files: Int { 2 * CurrentProcess.configuredProcessors }

    private let core: Core
    private let thread: ServiceThread
    /// Whether processes of other users are hidden, so that those which were there before the trace
    /// have no names.
    package let hidesProcesses: Bool

    /// Begins to trace.
    ///
    /// - Parameters:
    ///   - file: the `format` file of sock:inet_sock_set_state.
    ///   - bind: that of syscalls:sys_exit_bind, if failures of bind() are to be traced, too.
    ///   - proc: where processes are looked up.
    package init(_ file: TracepointFile, bind: TracepointFile?, _ proc: ProcFilesystem) throws(ReadError) {
        let format = try StateChange.Format(TraceFormat(file.content.span, from: file.path))
        var tracepoints = [PerfRing.Tracepoint(id: format.id, filter: StateChange.filter)]
        let bindID: UInt32? = if let bind { try FailedBindFormat.id(bind) } else { nil }
        if let bindID { tracepoints.append(PerfRing.Tracepoint(id: bindID, filter: FailedBindFormat.filter)) }
        let processes = ProcessFiles(proc)
        hidesProcesses = !processes.areVisible
        let hierarchy = ControlGroupTable.mount()
        let rings: PerfRings
        do throws(SystemError) {
            rings = try PerfRings(of: tracepoints, hasControlGroups: hierarchy?.isUnified != false)
        } catch {
            throw ReadError(perfEvents: error, Privileges(proc), format: file.path)
        }
        let recorder = CloseRecorder(format, bind: bindID, processes, hasControlGroups: rings.hasControlGroups)
        let core = Core(rings, recorder)
        do throws(SystemError) {
            thread = try ServiceThread { core.run(processes, hierarchy?.path) }
        } catch {
            throw ReadError(error)
        }
        self.core = core
    }

    deinit {
        core.stop.announce()
        thread.join()
    }

    /// What was traced since the last time, up to now.
    package func take() -> CloseBatch { core.take() }

    /// The CPU time of the thread so far, in seconds.
    package var cpuSeconds: Double { core.cpuSeconds }
}

/// What the thread works on.
private final class Core: Sendable {
    let stop = WakeUp()
    private let state: Mutex<State>
    private let descriptors: [CInt]

    init(_ rings: sending PerfRings, _ recorder: sending CloseRecorder) {
        descriptors = rings.descriptors
        state = Mutex(State(rings, recorder))
    }

    var cpuSeconds: Double { state.withLock { $0.cpuSeconds } }

    func take() -> CloseBatch {
        state.withLock { state in
            state.drain()
            let lost = state.rings.lost
            return state.recorder.take(lost: lost)
        }
    }

    func run(_ processes: ProcessFiles, _ hierarchy: String?) {
        // What was there before the first record. It takes 10 ms for 1,000 processes, without the
        // lock.
        let (found, groups) = (processes.scan(), hierarchy.map { ControlGroupTable.scan($0) } ?? [:])
        state.withLock { state in
            state.recorder.merge(found, groups)
            state.cpuSeconds = Clock.threadCPU.seconds
        }
        while stop.wait(orAny: descriptors) {
            state.withLock { state in
                state.drain()
                state.cpuSeconds = Clock.threadCPU.seconds
            }
        }
    }

    private struct State {
        let rings: PerfRings
        var recorder: CloseRecorder
        var cpuSeconds = 0.0
        /// Records that wait for earlier ones.
        private var waiting: [UInt8] = []

        init(_ rings: PerfRings, _ recorder: CloseRecorder) {
            self.rings = rings
            self.recorder = recorder
        }

        mutating func drain() {
            // What is written while the rings are read one after the other waits: an earlier record
            // may be in a ring that was read before.
            let until = UInt64(Clock.now.nanoseconds)
            var records = waiting
            rings.drain(into: &records)
            waiting = recorder.record(records.span, until: until)
        }
    }
}

/// The rings of all CPUs that are online.
private struct PerfRings {
    private let rings: [PerfRing]
    /// Whether samples tell the control group of their process.
    let hasControlGroups: Bool

    var descriptors: [CInt] { rings.map(\.descriptor) }

    /// - Parameter tracepoints: the first one's rings have the records of processes.
    init(of tracepoints: [PerfRing.Tracepoint], hasControlGroups: Bool) throws(SystemError) {
        do throws(SystemError) {
            rings = try Self.open(tracepoints, hasControlGroups)
            self.hasControlGroups = hasControlGroups
        } catch {
            // A kernel without CONFIG_CGROUP_PERF.
            guard hasControlGroups, error.isInvalidArgument else { throw error }
            rings = try Self.open(tracepoints, false)
            self.hasControlGroups = false
        }
    }

    private static func open(
        _ tracepoints: [PerfRing.Tracepoint],
        _ hasControlGroups: Bool
    ) throws(SystemError) -> [PerfRing] {
        var rings: [PerfRing] = []
        for cpu in 0..<CurrentProcess.configuredProcessors {
            for (number, tracepoint) in tracepoints.enumerated() {
                do throws(SystemError) {
                    let ring = try PerfRing(
                        of: tracepoint,
                        onCPU: CInt(cpu),
                        withProcesses: number == 0,
                        hasControlGroups: hasControlGroups
                    )
                    rings.append(ring)
                } catch {
                    // Offline.
                    guard error.isNoDevice else { throw error }
                }
            }
        }
        return rings
    }

    func drain(into bytes: inout [UInt8]) {
        for ring in rings { ring.drain(into: &bytes) }
    }

    /// The closes that found no room; nil where the kernel does not count them.
    var lost: UInt64? {
        var sum: UInt64 = 0
        for ring in rings {
            guard let lost = ring.lost() else { return nil }
            sum += lost
        }
        return sum
    }
}
