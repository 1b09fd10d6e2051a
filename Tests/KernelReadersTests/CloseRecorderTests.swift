import Foundation
import Model
import Scenes
import Testing

@testable import KernelReaders

/// What Tests/Fixtures/who/capture.py did while it captured.
private struct Truth: Decodable {
    let begin, end: Int64
    let parent, child: Int32
    let group: UInt64
    let namespace: UInt64
    let failures: Int

    static func read() throws -> Truth {
        try JSONDecoder().decode(Truth.self, from: Data(Scene("who").bytes("truth.json")))
    }
}

@Suite("The trace of closes, from captured rings")
struct CloseRecorderTests {
    private let scene = Scene("who")

    private func format() throws -> StateChange.Format {
        let bytes = try scene.bytes("format")
        return try StateChange.Format(TraceFormat(bytes.span, from: "format"))
    }

    /// A recorder that sees no processes but those that the records tell of.
    private func recorder() throws -> CloseRecorder {
        CloseRecorder(try format(), ProcessFiles(mount: "/nonexistent"), hasControlGroups: true)
    }

    private func records(in bytes: [UInt8]) -> [(time: UInt64, record: PerfRecord)] {
        var position = 0
        var records: [(time: UInt64, record: PerfRecord)] = []
        while let record = PerfRecord.next(in: bytes.span, at: &position, hasControlGroups: true) {
            records.append(record)
        }
        return records
    }

    @Test("Closes have the ends, the time and the name of the process, although it has ended")
    func closes() throws {
        let truth = try Truth.read()
        var recorder = try recorder()
        // The record of a fork has the parent's name.
        recorder.merge([truth.parent: ProcessTable.Process(name: CommandName(Array("python3".utf8).span))], [:])
        let bytes = try scene.bytes("ring")
        let later = recorder.record(bytes.span, until: .max)
        #expect(later.isEmpty)
        let batch = recorder.take(lost: 0)
        #expect(batch.closes.count == 3)
        let probe = ProgramName(unit: "node-probe.service", process: "node?probe")
        let python = ProgramName(process: "python3")
        #expect(batch.closes.map { batch.programs[Int($0.program)] } == [probe, probe, python])
        #expect(batch.closes.map(\.process) == [truth.child, truth.child, truth.parent])
        #expect(batch.closes.map(\.ends.remotePort).prefix(2) == [8080, 8080])
        #expect(batch.closes[2].ends.localPort == 8080)
        let loopback = IPAddress(127, 0, 0, 1)
        #expect(batch.closes.map(\.ends.localAddress) == [loopback, IPAddress(high: 0, low: 1), loopback])
        #expect(batch.closes.map(\.ends.remoteAddress) == batch.closes.map(\.ends.localAddress))
        for close in batch.closes { #expect((truth.begin...truth.end).contains(close.time.nanoseconds)) }
        #expect(batch.closes.map(\.time) == batch.closes.map(\.time).sorted())
    }

    @Test("A connect() that found no port is recorded with its destination")
    func failures() throws {
        let truth = try Truth.read()
        var recorder = try recorder()
        let bytes = try scene.bytes("ring")
        _ = recorder.record(bytes.span, until: .max)
        let batch = recorder.take(lost: 0)
        #expect(batch.failures.count == truth.failures)
        for failure in batch.failures {
            #expect(failure.address == IPAddress(127, 0, 0, 1))
            #expect(failure.port == 8080)
        }
    }

    @Test("Records tell the control group, the namespace and the end of a process")
    func processes() throws {
        let truth = try Truth.read()
        let bytes = try scene.bytes("ring")
        var (group, namespaces, isForked, hasEnded) = ("", Set<UInt64>(), false, false)
        for (_, record) in records(in: bytes) {
            switch record {
            case .controlGroup(truth.group, let path): group = String(decoding: bytes[path], as: UTF8.self)
            case .networkNamespace(truth.child, let inode): namespaces.insert(inode)
            case .fork(parent: truth.parent, child: truth.child): isForked = true
            case .exit(process: truth.child): hasEnded = true
            default: break
            }
        }
        #expect(group == "/node-probe.service")
        #expect(namespaces == [truth.namespace])
        #expect(isForked && hasEnded)
    }

    @Test("A process has nothing of an ended one with the same number, although its parent is unknown")
    func sameNumber() {
        var processes = ProcessTable(ProcessFiles(mount: "/nonexistent"))
        processes.note(.name(process: 7, CommandName(Array("old".utf8).span)), at: 1)
        processes.note(.exit(process: 7), at: 2)
        #expect(processes.process(7).name.text == "old")
        processes.note(.fork(parent: 6, child: 7), at: 3)
        #expect(processes.process(7).name == .unknown)
    }

    @Test("Records of a later time wait for the next call, whatever the order of the rings")
    func order() throws {
        let bytes = try scene.bytes("ring")
        let times = records(in: bytes).map(\.time).sorted()
        for until in times {
            var (whole, parted) = (try recorder(), try recorder())
            _ = whole.record(bytes.span, until: .max)
            let later = parted.record(bytes.span, until: until)
            #expect(parted.record(later.span, until: .max).isEmpty)
            let (expected, batch) = (whole.take(lost: 0), parted.take(lost: 0))
            #expect(batch.programs == expected.programs)
            #expect(batch.closes.map(\.ends) == expected.closes.map(\.ends))
            #expect(batch.failures.count == expected.failures.count)
        }
    }

    @Test("A ring that ends within a record, or holds anything else, does no harm")
    func damaged() throws {
        let bytes = try scene.bytes("ring")
        var generator = SystemRandomNumberGenerator()
        for length in 0..<bytes.count {
            var recorder = try recorder()
            _ = recorder.record(Array(bytes.prefix(length)).span, until: .max)
            #expect(recorder.take(lost: 0).closes.count <= 3)
            var damaged = bytes
            damaged[length] = UInt8.random(in: 0...255, using: &generator)
            _ = recorder.record(damaged.span, until: .max)
        }
    }

    @Test("The kernel's count of lost events is used, or else the sum of the records")
    func lost() throws {
        var recorder = try recorder()
        #expect(recorder.take(lost: 7).lost == 7)
        // PERF_RECORD_LOST: header, id, 5, PID, TID, TIME.
        var record: [UInt8] = [2, 0, 0, 0, 0, 0, 40, 0]
        record += [UInt8](repeating: 0, count: 8) + [5] + [UInt8](repeating: 0, count: 7 + 16)
        _ = recorder.record(record.span, until: .max)
        #expect(recorder.take(lost: nil).lost == 5)
    }
}

@Suite("The format file of a tracepoint")
struct TraceFormatTests {
    private func error(_ text: String) -> ReadError? {
        do throws(ReadError) {
            _ = try StateChange.Format(TraceFormat(Array(text.utf8).span, from: "/format"))
            return nil
        } catch {
            return error
        }
    }

    @Test("A file that lacks what is needed says what")
    func bad() throws {
        let text = String(decoding: try Scene("who").bytes("format"), as: UTF8.self)
        #expect(error(text) == nil)
        #expect(error("none")?.description == "/format: no line 'ID: NUMBER': expected the format file of a tracepoint")
        #expect(error(text.replacing("sport", with: "port"))?.description == "/format: no field sport")
        let resized = text.replacing("oldstate;\toffset:16;\tsize:4", with: "oldstate;\toffset:16;\tsize:8")
        #expect(error(resized)?.description == "/format: field oldstate: offset 16, size 8; expected size 4")
        let moved = text.replacing("oldstate;\toffset:16", with: "oldstate;\toffset:9223372036854775807")
        let place = "offset 9223372036854775807, size 4; expected size 4"
        #expect(error(moved)?.description == "/format: field oldstate: \(place)")
    }
}

@Suite("The control groups of samples")
struct ControlGroupTableTests {
    private func mount(_ lines: String...) -> String? {
        let found = ControlGroupTable.mount(in: Array(lines.joined(separator: "\n").utf8).span)
        return found.map { "\($0.path) \($0.isUnified)" }
    }

    @Test("The hierarchy of perf_event is version 1 where that is mounted, else the unified one")
    func hierarchies() {
        let unified = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw"
        let memory = "34 31 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
        let perf = "35 31 0:32 / /sys/fs/cgroup/perf_event rw,relatime - cgroup cgroup rw,perf_event"
        #expect(mount(memory, unified) == "/sys/fs/cgroup/unified true")
        #expect(mount(unified, perf) == "/sys/fs/cgroup/perf_event false")
        #expect(mount("29 1 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw") == "/sys/fs/cgroup true")
        #expect(mount(memory) == nil)
    }

    @Test("Where a container has the whole unified hierarchy beside its own part, the whole counts")
    func parts() {
        func mounts(own: String, whole: String) -> [String] {
            [
                "29 1 0:25 \(own) /sys/fs/cgroup ro - cgroup2 cgroup2 rw",
                "30 1 0:25 \(whole) /host/sys/fs/cgroup ro - cgroup2 cgroup2 rw",
            ]
        }
        for lines in [mounts(own: "/", whole: "/../.."), mounts(own: "/docker/5f0c", whole: "/")] {
            #expect(mount(lines[0], lines[1]) == "/host/sys/fs/cgroup true")
            #expect(mount(lines[1], lines[0]) == "/host/sys/fs/cgroup true")
        }
    }

    @Test("A path gives the unit, or the container and its pod")
    func labels() {
        let id = String(repeating: "5f0c", count: 16)
        func label(_ path: String) -> String { ControlGroup(path: Array(path.utf8)).label }
        #expect(label("/") == "")
        #expect(label("/system.slice/payments.service") == "payments.service")
        #expect(label("/system.slice/docker-\(id).scope") == "container/5f0c5f0c5f0c")
        let uid = "1f2e3d4c-0000-1111-2222-333344445555"
        let systemd =
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod\(uid.replacing("-", with: "_")).slice"
        #expect(label("\(systemd)/cri-containerd-\(id).scope") == "pod/\(uid)/5f0c5f0c5f0c")
        #expect(label("/kubepods/burstable/pod\(uid)/\(id)") == "pod/\(uid)/5f0c5f0c5f0c")
        // Podman's names of containers have "pod" and more digits than a uid.
        #expect(label("/machine.slice/libpod-\(id).scope/container") == "container/5f0c5f0c5f0c")
        #expect(label("/libpod_parent/libpod-\(id)") == "container/5f0c5f0c5f0c")
    }
}
