import CLinux
import Model

/// A record of a perf ring, as `PerfRing` sets it up (perf_event_open(2)).
enum PerfRecord {
    /// A hit of the tracepoint. `raw` is where its fields lie in the bytes.
    case sample(process: Int32, controlGroup: UInt64?, raw: Range<Int>)
    /// A process has another name.
    case name(process: Int32, CommandName)
    /// A process has made another one. Threads are left out.
    case fork(parent: Int32, child: Int32)
    /// A process ends. Threads are left out.
    case exit(process: Int32)
    /// A process is in the network namespace with this inode in nsfs.
    case networkNamespace(process: Int32, UInt64)
    /// A control group was made, with its path below the root of its hierarchy.
    case controlGroup(UInt64, path: Range<Int>)
    /// So many records were lost before this one, as far as the kernel counts them.
    case lost(UInt64)

    /// The record that begins at a position, which moves to the next one.
    ///
    /// - Parameter hasControlGroups: whether samples contain a control group.
    /// - Returns: the record, and its time on CLOCK_MONOTONIC in nanoseconds; nil for a kind that
    ///   is not needed, and at the end.
    static func next(
        in bytes: Span<UInt8>,
        at position: inout Int,
        hasControlGroups: Bool
    ) -> (time: UInt64, record: PerfRecord)? {
        let headerSize = 8
        while position + headerSize <= bytes.count {
            let size = Int(bytes.native16(at: position + 6))
            guard size >= headerSize, position + size <= bytes.count else { break }
            let content = position + headerSize..<position + size
            let type = bytes.native32(at: position)
            position += size
            if let record = read(type, bytes, content, hasControlGroups) { return record }
        }
        position = bytes.count
        return nil
    }

    @inline(__always)
    private static func read(
        _ type: UInt32,
        _ bytes: Span<UInt8>,
        _ content: Range<Int>,
        _ hasControlGroups: Bool
    ) -> (time: UInt64, record: PerfRecord)? {
        if type == PERF_RECORD_SAMPLE.rawValue {
            return sample(in: bytes, content, hasControlGroups)
        }
        // Behind every other record stand PID, TID and TIME (sample_id_all).
        guard content.count >= 16 + 8 else { return nil }
        let (start, end) = (content.lowerBound, content.upperBound - 16)
        let record: PerfRecord?
        switch type {
        case PERF_RECORD_COMM.rawValue:
            let (process, thread) = (process(in: bytes, start), process(in: bytes, start + 4))
            record =
                thread == process
                ? .name(process: process, CommandName(bytes.extracting(start + 8..<end))) : nil
        case PERF_RECORD_FORK.rawValue where end - start >= 24:
            // PID, that of the parent, TID.
            let (child, parent) = (process(in: bytes, start), process(in: bytes, start + 4))
            record = process(in: bytes, start + 8) == child ? .fork(parent: parent, child: child) : nil
        case PERF_RECORD_EXIT.rawValue where end - start >= 24:
            let process = process(in: bytes, start)
            record = self.process(in: bytes, start + 8) == process ? .exit(process: process) : nil
        case PERF_RECORD_NAMESPACES.rawValue where end - start >= 32:
            let (process, thread) = (process(in: bytes, start), process(in: bytes, start + 4))
            // The first of them (NET_NS_INDEX): its device and its inode.
            record = thread == process ? .networkNamespace(process: process, bytes.word64(at: start + 24)) : nil
        case PERF_RECORD_CGROUP.rawValue:
            let path = start + 8..<bytes.firstZero(in: start + 8..<end)
            record = .controlGroup(bytes.word64(at: start), path: path)
        case PERF_RECORD_LOST.rawValue where end - start >= 16:
            record = .lost(bytes.word64(at: start + 8))
        default:
            record = nil
        }
        return record.map { (bytes.word64(at: end + 8), $0) }
    }

    /// A sample: PID, TID, TIME, the size of RAW and RAW, and CGROUP.
    @inline(__always)
    private static func sample(
        in bytes: Span<UInt8>,
        _ content: Range<Int>,
        _ hasControlGroups: Bool
    ) -> (time: UInt64, record: PerfRecord)? {
        let start = content.lowerBound
        guard content.count >= 20 else { return nil }
        let raw = start + 20..<start + 20 + Int(bytes.native32(at: start + 16))
        let end = raw.upperBound + (hasControlGroups ? 8 : 0)
        guard end <= content.upperBound else { return nil }
        let record = PerfRecord.sample(
            process: process(in: bytes, start),
            controlGroup: hasControlGroups ? bytes.word64(at: raw.upperBound) : nil,
            raw: raw
        )
        return (bytes.word64(at: start + 8), record)
    }

    @inline(__always)
    private static func process(in bytes: Span<UInt8>, _ offset: Int) -> Int32 {
        Int32(bitPattern: bytes.native32(at: offset))
    }
}

/// The name of a process: at most 15 bytes of any kind (TASK_COMM_LEN, include/linux/sched.h).
struct CommandName: Hashable {
    /// The first eight bytes, and the others.
    private let low, high: UInt64

    /// The name of a process that cannot be seen: none.
    static let unknown = CommandName()

    private init() { (low, high) = (0, 0) }

    /// The bytes before the first zero.
    init(_ bytes: Span<UInt8>) {
        var words: (UInt64, UInt64) = (0, 0)
        for index in 0..<min(bytes.count, 15) {
            if bytes[index] == 0 { break }
            if index < 8 {
                words.0 |= UInt64(bytes[index]) << UInt64(8 * index)
            } else {
                words.1 |= UInt64(bytes[index]) << UInt64(8 * (index - 8))
            }
        }
        (low, high) = words
    }

    /// The name as a label holds it. What is no character to print becomes `?`. The workers of the
    /// kernel, of which there are many, have one name.
    var text: String {
        var bytes: [UInt8] = []
        for word in [low, high] {
            for index: UInt64 in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> (8 * index))) }
        }
        let text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self).printable
        return text.hasPrefix("\(ProgramName.kernelWorker)/") ? ProgramName.kernelWorker : text
    }
}

extension String {
    /// The text with `?` in place of control characters.
    var printable: String {
        String(String.UnicodeScalarView(unicodeScalars.map { $0.value < 32 || 127..<160 ~= $0.value ? "?" : $0 }))
    }
}

extension Span<UInt8> {
    /// The first zero of a range, or its end.
    fileprivate func firstZero(in range: Range<Int>) -> Int {
        var index = range.lowerBound
        while index < range.upperBound, self[index] != 0 { index += 1 }
        return index
    }
}
