import Advice
import Aggregator
import Glibc
import KernelReaders
import Model
import Presentation
import Sampler
import SyntheticMachines
import System

/// Writes landing pages for tests that open them in a browser:
///
///     landing_renderer policy                              prints the Content-Security-Policy
///     landing_renderer synthetic LISTENERS PATTERN [LOW HIGH]   the page of a made-up machine
///     landing_renderer live NAME SECONDS [SERVICE_PORTS]   the page of this namespace
///     landing_renderer unread                              the page before the first reading
///     landing_renderer following                           a page that loads itself anew
///     landing_renderer times                               prints docs/benchmark/landing.md
///
/// The page goes to the standard output.
@main
struct LandingRenderer {
    static func main() {
        let words = (try? ProcessArguments.read()) ?? []
        switch words.first {
        case "policy": print(LandingPage.contentSecurityPolicy)
        case "synthetic" where words.count >= 3: write(synthetic(words).situation)
        case "live" where words.count >= 3:
            write(live(words[1], Double(words[2]) ?? 1, words.count > 3 ? words[3] : ""))
        case "unread": write(Situation(host: "unread", kernel: "Linux 6.12.9", sample: Sample()))
        case "following": write(SyntheticMachine().situation, refresh: 10)
        case "times": times()
        default:
            print("see Tests/LandingRenderer/Main.swift")
            exit(64)
        }
    }

    private static func synthetic(_ words: [String]) -> SyntheticMachine {
        var machine = SyntheticMachine()
        machine.listeners = Int(words[1]) ?? 0
        machine.pattern = SyntheticMachine.Pattern(rawValue: words[2]) ?? .empty
        if words.count > 4, let low = Port(words[3]), let high = Port(words[4]) {
            machine.range = PortRange(low: low, high: high)
        }
        return machine
    }

    private static func page(of situation: Situation, refresh: Int? = nil) -> [UInt8] {
        let settings = LandingPage.Settings(version: "0.3.0", revision: "5f1c2d9", refresh: refresh)
        return LandingPage(Diagnosis(of: situation), situation, settings).html
    }

    private static func write(_ situation: Situation, refresh: Int? = nil) {
        var rest = page(of: situation, refresh: refresh)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            guard count > 0 else { exit(1) }
            rest = rest.dropFirst(count)
        }
    }

    private static func live(_ name: String, _ seconds: Double, _ servicePorts: String) -> Situation {
        var settings = SamplerSettings()
        settings.interval = 1
        settings.cpuShare = 1
        settings.accounting.servicePorts = (try? PortSet(list: Array(servicePorts.utf8).span)) ?? PortSet()
        let proc = ProcFilesystem(mount: "/proc")
        let start = Clock.now
        var sampler = Sampler(proc, settings, from: start) { _ in }
        var sample = sampler.tick(at: Clock.now)
        while sampler.next - start < seconds {
            _ = usleep(UInt32(max(0, (sampler.next - Clock.now) * 1e6)) + 1)
            sample = sampler.tick(at: Clock.now)
        }
        var situation = Situation(host: name, kernel: "", sample: sample)
        var owners = SocketOwnersReader(proc, readsSockDiag: true)
        situation.owners = try? owners.read { $0.row.state == .listen }
        situation.servicePorts = settings.accounting.servicePorts
        situation.time = Clock.realtime.seconds
        situation.hasMemory = true
        return situation
    }

    /// Renders the largest pages, each some times, and prints docs/benchmark/landing.md. The
    /// shortest time counts.
    private static func times() {
        print(
            """
            # How large the landing page is, and how long it takes to render

            Written by `make bench`, of made-up machines with 2,000 listeners. The goal is at most 200 KB where the
            default range is full. The page is rendered when somebody asks for it, at most once for each sample, and
            no scrape waits for it.

            | ports of the range | range | size | shortest time |
            |---|---|---:|---:|
            """
        )
        for pattern in SyntheticMachine.Pattern.allCases {
            for (low, high) in [(Port(32_768), Port(60_999)), (1024, 65_535)] {
                var machine = SyntheticMachine()
                machine.listeners = 2000
                machine.pattern = pattern
                machine.range = PortRange(low: low, high: high)
                let situation = machine.situation
                let diagnosis = Diagnosis(of: situation)
                let page = LandingPage(diagnosis, situation, .init(version: "0.3.0", revision: "5f1c2d9"))
                var (best, size) = (Double.infinity, 0)
                for _ in 0..<5 {
                    let start = Clock.now
                    size = page.html.count
                    best = min(best, Clock.now - start)
                }
                let name = "\(pattern.rawValue)".split(separator: "-").joined(separator: " ")
                print("| \(name) | \(low)-\(high) | \(size / 1000) KB | \(Wording.decimal(best * 1000, 1)) ms |")
            }
        }
    }
}
