import KernelReaders
import Model
import Sampler
import Scenes
import Testing

@Suite("The CPU share of the sampler")
struct CPUShareTests {
    @Test("The sampler extends the interval up to 30 seconds to keep its CPU share")
    func share() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        var settings = SamplerSettings()
        settings.cpuShare = 1e-9
        var sampler = Sampler(ProcFilesystem(mount: scene.path), settings, from: start) { _ in }
        let first = sampler.tick(at: start)
        #expect(first.interval == 30 && first.requestedInterval == 5)
        for file in ["tcp", "tcp6"] { try scene.take("thread-self/net/\(file)", from: Scene("empty")) }
        for second in 1...29 {
            #expect(sampler.tick(at: start + Double(second)).ports?.table[.ipv4, .timeWait] == 57 + 13)
        }
        #expect(sampler.tick(at: start + 30).ports?.table[.ipv4, .timeWait] == 0)
    }

    @Test("The sampler keeps the requested interval if a reading costs less than its CPU share")
    func cheapEnough() {
        var settings = SamplerSettings()
        settings.cpuShare = 1
        var sampler = Sampler(ProcFilesystem(mount: Scene("mixed").path), settings, from: start) { _ in }
        for second in 0..<10 { #expect(sampler.tick(at: start + Double(second)).interval == 5) }
    }

    @Test("What was made of a sample counts once in the CPU share")
    func costAfterwards() {
        var settings = SamplerSettings()
        settings.cpuShare = 0.5
        var sampler = Sampler(ProcFilesystem(mount: Scene("mixed").path), settings, from: start) { _ in }
        var now = start
        for tick in 0..<60 {
            _ = sampler.tick(at: now)
            if tick == 2 { sampler.note(cpuSeconds: 5) }
            now = sampler.next
        }
        let end = now + 20
        var ticks = 0
        while now < end {
            _ = sampler.tick(at: now)
            ticks += 1
            now = sampler.next
        }
        #expect(ticks >= 20)
    }
}
