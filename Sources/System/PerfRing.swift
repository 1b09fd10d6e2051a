import CLinux
import Glibc

/// The hits of a tracepoint on one CPU, in all processes, as the kernel writes them into a ring in
/// shared memory (perf_event_open(2)). It is closed when it goes out of scope.
///
///     let ring = try PerfRing(of: trace, onCPU: 0, withProcesses: true, hasControlGroups: true)
///     ring.drain(into: &bytes)
///
/// A hit is a PERF_RECORD_SAMPLE with TID, TIME (CLOCK_MONOTONIC), RAW and, if asked for, CGROUP.
/// Every other record ends with TID and TIME.
@safe
package final class PerfRing {
    /// A tracepoint and which of its hits are recorded.
    package struct Tracepoint: Sendable {
        /// The number in its `id` file.
        package let id: UInt32
        /// An expression over the fields of its `format` file; the kernel drops the others.
        package let filter: String

        package init(id: UInt32, filter: String) {
            self.id = id
            self.filter = filter
        }
    }

    /// The size of a ring: with the page before it, it stays below perf_event_mlock_kb (516), so
    /// that RLIMIT_MEMLOCK does not matter.
    private static let size = 256 * 1024

    private let event: PerfEvent
    /// Reports processes and control groups. It is an event of its own, so that the count of lost
    /// records is that of the tracepoint alone.
    private let processes: PerfEvent?
    /// The page with the positions, in front of the ring.
    private let page: UnsafeMutablePointer<perf_event_mmap_page>

    /// Readable once half of the ring is full.
    package var descriptor: CInt { event.descriptor }

    /// Opens the events of a CPU.
    ///
    /// - Parameters:
    ///   - withProcesses: whether the names, forks, ends and namespaces of processes, and with
    ///     control groups those that are made, are written into the ring, too.
    ///   - hasControlGroups: whether a hit contains the control group of its process. EINVAL where
    ///     the
    ///     kernel was built without CONFIG_CGROUP_PERF.
    /// - Throws: ENODEV where the CPU is offline.
    package init(
        of tracepoint: Tracepoint,
        onCPU cpu: CInt,
        withProcesses: Bool,
        hasControlGroups: Bool
    ) throws(SystemError) {
        event = try PerfEvent(Self.attributes(of: tracepoint, hasControlGroups), cpu)
        let descriptor = event.descriptor
        let length = CurrentProcess.pageSize + Self.size
        let memory = unsafe mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
            throw SystemError(call: "mmap", path: PerfEvent.path, errno: errno)
        }
        // The kernel puts this struct at the start of the mapping.
        unsafe page = memory.bindMemory(to: perf_event_mmap_page.self, capacity: 1)
        processes = withProcesses ? try PerfEvent(Self.attributesOfProcesses(hasControlGroups), cpu) : nil
        try syscall("PERF_EVENT_IOC_SET_FILTER", on: PerfEvent.path) {
            unsafe clinux_perf_event_set_filter(descriptor, tracepoint.filter)
        }
        if let processes {
            try syscall("PERF_EVENT_IOC_SET_OUTPUT", on: PerfEvent.path) {
                clinux_perf_event_set_output(processes.descriptor, descriptor)
            }
            try processes.enable()
        }
        try event.enable()
    }

    deinit {
        // Mapped by init with this length, and nobody keeps a pointer into it.
        unsafe munmap(page, CurrentProcess.pageSize + Self.size)
    }

    /// Moves the records that the kernel has written to the end of `bytes`.
    package func drain(into bytes: inout [UInt8]) {
        let (tail, head) = unsafe (page.pointee.data_tail, clinux_perf_ring_head(page))
        // The kernel never writes more than the size beyond the tail, which only we move.
        let count = Int(truncatingIfNeeded: head &- tail)
        guard count > 0 else { return }
        let start = Int(truncatingIfNeeded: tail) & (Self.size - 1)
        let first = min(count, Self.size - start)
        let ring = unsafe UnsafeRawBufferPointer(
            start: UnsafeRawPointer(page).advanced(by: CurrentProcess.pageSize),
            count: Self.size
        )
        unsafe bytes.append(contentsOf: ring[start..<start + first])
        unsafe bytes.append(contentsOf: ring[..<(count - first)])
        unsafe clinux_perf_ring_release(page, head)
    }

    /// How many hits found no room in the ring so far (PERF_FORMAT_LOST, Linux 6.0); nil where the
    /// kernel does not count them.
    package func lost() -> UInt64? { event.lost() }

    private static func attributes(of tracepoint: Tracepoint, _ hasControlGroups: Bool) -> perf_event_attr {
        var attributes = commonAttributes()
        attributes.type = PERF_TYPE_TRACEPOINT.rawValue
        attributes.config = UInt64(tracepoint.id)
        attributes.sample_period = 1
        attributes.sample_type |= UInt64(PERF_SAMPLE_RAW.rawValue)
        if hasControlGroups { attributes.sample_type |= UInt64(PERF_SAMPLE_CGROUP.rawValue) }
        attributes.read_format = UInt64(PERF_FORMAT_LOST.rawValue)
        attributes.watermark = 1
        attributes.wakeup_watermark = UInt32(size / 2)
        return attributes
    }

    private static func attributesOfProcesses(_ hasControlGroups: Bool) -> perf_event_attr {
        var attributes = commonAttributes()
        attributes.type = PERF_TYPE_SOFTWARE.rawValue
        attributes.config = UInt64(PERF_COUNT_SW_DUMMY.rawValue)
        attributes.comm = 1
        attributes.task = 1
        attributes.namespaces = 1
        attributes.cgroup = hasControlGroups ? 1 : 0
        attributes.watermark = 1
        attributes.wakeup_watermark = UInt32(size / 2)
        return attributes
    }

    private static func commonAttributes() -> perf_event_attr {
        var attributes = perf_event_attr()
        attributes.size = UInt32(MemoryLayout<perf_event_attr>.size)
        attributes.disabled = 1
        attributes.sample_type = UInt64(PERF_SAMPLE_TID.rawValue | PERF_SAMPLE_TIME.rawValue)
        attributes.sample_id_all = 1
        attributes.use_clockid = 1
        attributes.clockid = CLOCK_MONOTONIC
        return attributes
    }
}

/// An open event. It is closed when it goes out of scope.
private final class PerfEvent {
    /// Its name in messages, where files have a path.
    static let path = "perf event"

    let descriptor: CInt

    init(_ attributes: perf_event_attr, _ cpu: CInt) throws(SystemError) {
        var attributes = attributes
        do throws(SystemError) {
            descriptor = try syscall("perf_event_open", on: Self.path) {
                unsafe clinux_perf_event_open(&attributes, cpu)
            }
        } catch {
            // Linux before 6.0 does not count what is lost.
            guard error.errno == EINVAL, attributes.read_format != 0 else { throw error }
            attributes.read_format = 0
            descriptor = try syscall("perf_event_open", on: Self.path) {
                unsafe clinux_perf_event_open(&attributes, cpu)
            }
        }
    }

    deinit {
        close(descriptor)
    }

    func enable() throws(SystemError) {
        let descriptor = descriptor
        try syscall("PERF_EVENT_IOC_ENABLE", on: Self.path) { clinux_perf_event_enable(descriptor) }
    }

    /// The second of the two numbers of PERF_FORMAT_LOST.
    func lost() -> UInt64? {
        var numbers: [UInt64] = [0, 0]
        let size = 2 * MemoryLayout<UInt64>.size
        // The kernel writes at most the bytes of the array.
        let count = unsafe read(descriptor, &numbers, size)
        return count == size ? numbers[1] : nil
    }
}
