import Foundation
import KernelReaders
import Testing

@Suite("The memory that limits allow")
struct MemoryAllowanceTests {
    private let folder = NSTemporaryDirectory() + "timewait_exporter_memory_\(UUID().uuidString)"

    private func write(_ text: String, to file: String) throws {
        let path = URL(filePath: "\(folder)/\(file)")
        try FileManager.default.createDirectory(at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: path)
    }

    private var tightest: MemoryAllowance? { .tightest(of: folder + "/self", groups: folder + "/cgroup") }

    @Test("The tightest limit of a process's control groups counts, less what the process holds")
    func unified() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try write("0::/system.slice/a.service\n", to: "self/cgroup")
        try write("Name:\tx\nRssAnon:\t    1024 kB\n", to: "self/status")
        try write("max\n", to: "cgroup/system.slice/a.service/memory.max")
        #expect(tightest == nil)
        try write("50331648\n", to: "cgroup/system.slice/memory.max")
        #expect(tightest?.bytes == 47 << 20)
        #expect(tightest?.limit == folder + "/cgroup/system.slice/memory.max")
        try write("33554432\n", to: "cgroup/system.slice/a.service/memory.high")
        #expect(tightest?.bytes == 31 << 20)
        try write("25165824\n", to: "cgroup/system.slice/a.service/memory.max")
        #expect(tightest?.bytes == 23 << 20)
    }

    @Test("A limit of version 1 is found, also where a container has its group at the root")
    func versionOne() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try write("9:name=systemd:/docker/5f\n4:cpu,memory:/docker/5f\n", to: "self/cgroup")
        try write("9223372036854771712\n", to: "cgroup/memory/memory.limit_in_bytes")
        #expect(tightest == nil)
        try write("25165824\n", to: "cgroup/memory/memory.limit_in_bytes")
        #expect(tightest?.bytes == 24 << 20)
        #expect(tightest?.limit == folder + "/cgroup/memory/memory.limit_in_bytes")
        try write("20971520\n", to: "cgroup/memory/docker/5f/memory.limit_in_bytes")
        #expect(tightest?.bytes == 20 << 20)
    }

    @Test("Without a control group, or with broken files, there is no limit")
    func none() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(tightest == nil)
        for text in ["", "\n", "0::", "0::/../../..\n", "4:memory\n", "::::::\n", "0::/a\0b\n"] {
            try write(text, to: "self/cgroup")
            try write("soon\n", to: "cgroup/memory.max")
            #expect(tightest == nil, "\(text)")
        }
    }
}
