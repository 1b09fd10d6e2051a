import Aggregator
import Foundation
import Glibc
import KernelReaders
import Model
import Sampler

/// The input changes files of a procfs, the captured host `mixed`, and lets time go by:
///
///     @thread-self/net/sockstat
///     TCP: inuse 5 orphan 0 tw 3 alloc 8 mem 1
///     @-thread-self/net/tcp6
///     @tick
///
/// Each file is what follows its name, a `-` before the name takes the file away, and `@tick` reads
/// all of it. So does the end. Every sample becomes both pages, and the last one the diagnosis, and
/// for some inputs the landing page.
enum ProcfsTarget {
    private static let tree = ChangingTree(of: "mixed")
    /// An input that reads the tree more often says nothing new.
    private static let mostTicks = 6

    static func check(_ input: [UInt8]) {
        tree.restore()
        var settings = SamplerSettings()
        settings.interval = 1
        settings.cpuShare = 1
        settings.patience = 1000
        settings.tablePatience = (1000, 1000)
        settings.accounting.portsLimit = 65_535
        settings.accounting.peersLimit = 3
        settings.accounting.servicePorts = PortSet([8080, 65_535])
        settings.accounting.udpServicePorts = PortSet([53])
        var now = Instant(nanoseconds: 1_000_000_000_000)
        var sampler = Sampler(ProcFilesystem(mount: tree.path), settings, from: now) { _ in }
        var pages = SamplePages()
        var ticks = 0
        var earlier: Sample?
        func tick(isLast: Bool = false) {
            guard ticks < mostTicks else { return }
            ticks += 1
            now = now + 1
            tree.write()
            let sample = sampler.tick(at: now)
            let page = pages.make(of: sample)
            let isBuilt = page.values.keys.contains { $0.name == "timewait_exporter_build_info" }
            must(isBuilt, "the page is not whole")
            if isLast {
                // Of the landing page, one in eight says enough.
                let isEighth = input.count.isMultiple(of: 8)
                SamplePages.makeDiagnosis(of: sample, earlier: earlier, withLandingPage: isEighth)
            }
            earlier = sample
        }
        var file: String?
        for line in input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            guard line.first == UInt8(ascii: "@") else {
                if let file { tree.append(line, to: file) }
                continue
            }
            let name = String(decoding: line.dropFirst(), as: UTF8.self)
            switch name {
            case "tick":
                file = nil
                tick()
            case _ where name.hasPrefix("-"):
                file = nil
                tree.remove(String(name.dropFirst()))
            default:
                file = name
                tree.empty(name)
            }
        }
        tick(isLast: true)
    }
}

/// A copy of a captured procfs in memory and on disk, where only what differs is written.
/// libFuzzer calls on one thread.
private final class ChangingTree: @unchecked Sendable {
    let path: String
    private let captured: [String: [UInt8]]
    private var wanted: [String: [UInt8]]
    private var written: [String: [UInt8]] = [:]

    init(of scene: String) {
        let folder = Fixtures.path(scene)
        let memory = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        path = "\(memory)/timewait_fuzz_\(getpid())"
        var captured: [String: [UInt8]] = [:]
        for name in (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? [] {
            guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)") else { continue }
            captured[name] = Array(data)
        }
        // What captures do not have.
        captured["sys/kernel/osrelease"] = Array("6.18.44\n".utf8)
        captured["sys/net/ipv4/tcp_tw_timeout"] = Array("60\n".utf8)
        must(captured.count > 15, "no scene in \(folder)")
        self.captured = captured
        wanted = captured
        for name in captured.keys {
            let folder = URL(filePath: "\(path)/\(name)").deletingLastPathComponent()
            try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
    }

    func restore() { wanted = captured }

    func empty(_ name: String) { if captured[name] != nil { wanted[name] = [] } }

    func remove(_ name: String) { wanted[name] = nil }

    func append(_ line: ArraySlice<UInt8>, to name: String) {
        if captured[name] != nil { wanted[name, default: []] += line + [UInt8(ascii: "\n")] }
    }

    func write() {
        for name in captured.keys where wanted[name] != written[name] {
            guard let bytes = wanted[name] else {
                _ = unsafe unlink("\(path)/\(name)")
                written[name] = nil
                continue
            }
            let file = unsafe open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
            // The kernel reads the bytes of the array.
            let count = unsafe Glibc.write(file, bytes, bytes.count)
            close(file)
            must(count == bytes.count, "\(path)/\(name) cannot be written")
            written[name] = bytes
        }
    }
}

/// The captures of Tests/Fixtures.
enum Fixtures {
    static func path(_ name: String) -> String {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return tests.appending(path: "Fixtures/\(name)").path(percentEncoded: false)
    }

    static func bytes(_ name: String) -> [UInt8] {
        let data = FileManager.default.contents(atPath: path(name))
        must(data != nil, "no \(path(name))")
        return Array(data ?? Data())
    }
}
