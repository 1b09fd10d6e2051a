import KernelReaders
import Model
import Sampler
import Scenes
import Synchronization

/// The moment of the first reading.
let start = Instant(nanoseconds: 1_000_000_000)

extension Sampler {
    init(of scene: Scene, interval: Double = 5, log: Log = Log()) {
        var settings = SamplerSettings()
        settings.interval = interval
        // A busy machine, and a build for debugging, must not stretch what is expected.
        settings.cpuShare = 1
        self.init(ProcFilesystem(mount: scene.path), settings, from: start) { log.note($0) }
    }
}

/// What a sampler logged, as short lines.
final class Log: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    func note(_ event: SamplerEvent) {
        let line =
            switch event {
            case .readsAddressFiles: "reads the address files"
            case .absent(let collector, _): "\(collector.rawValue) is absent"
            case .failed(let collector, let error): "\(collector.rawValue) failed: \(error.reason.rawValue)"
            case .late(let collector, _): "\(collector.rawValue) is late"
            case .failedInPart(let collector, let error):
                "\(collector.rawValue) failed in part: \(error.reason.rawValue)"
            case .recovered(let collector): "\(collector.rawValue) recovered"
            case .reads, .hidesProcesses: nil as String?
            case .malformedRows(let count): "\(count) malformed rows"
            }
        if let line { lines.withLock { $0.append(line) } }
    }
}
