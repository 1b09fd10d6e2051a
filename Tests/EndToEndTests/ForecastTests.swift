import Foundation
import Namespaces
import Testing

@Suite("The forecast", .enabled(if: NetworkNamespace.support == nil, why), .serialized)
struct ForecastTests {
    /// A namespace with 1000 ports and one destination.
    private final class Traffic {
        let namespace: NetworkNamespace
        let exporter: RunningExporter
        /// What was forecast, and when, in seconds since the start.
        var forecasts: [(at: Double, moment: Double)] = []
        /// When the kernel had no port left.
        var end: Double?

        init(_ sysctls: [String: String] = [:]) throws {
            namespace = try NetworkNamespace()
            try namespace.setSysctl("ip_local_port_range", "40000 40999")
            for (name, value) in sysctls { try namespace.setSysctl(name, value) }
            exporter = try RunningExporter(in: namespace)
            try namespace.listen("0.0.0.0", port: 8080)
        }

        /// Makes connections, of the kernel's choice of port; notes when connect() has no port for
        /// one.
        ///
        /// - Parameter stayOpen: whether they do; else the client closes first.
        func make(_ count: Int, at time: Double, stayOpen: Bool = false) throws {
            guard end == nil else { return }
            for _ in 0..<count {
                let errno = try namespace.attemptConnection(port: 8080)
                if errno == Int(EADDRNOTAVAIL) {
                    end = time
                    return
                }
                #expect(errno == 0)
                if !stayOpen { try namespace.closeConnections(1, .client) }
            }
        }

        func ask(at time: Double) throws {
            let seconds = try #require(try exporter.page()["timewait_destination_exhaustion_seconds"])
            forecasts.append((time, time + seconds))
        }
    }

    /// All traffics at once, and what was forecast.
    private struct Traffics {
        let fast, slow, leak, reused: Traffic

        init() throws {
            (fast, slow, leak) = (try Traffic(), try Traffic(), try Traffic())
            reused = try Traffic(["tcp_tw_reuse": "1"])
        }

        /// Makes 30, 12, 20 and 30 connections a second for 85 seconds, in ten steps a second.
        ///
        /// - Returns: false if the machine stood still for so long that nobody could call the rate
        /// constant.
        func run() throws -> Bool {
            let start = ContinuousClock.now
            var instants = [3.0, 5, 10, 20, 30, 40, 50, 60, 70, 80][...]
            for step in 0..<850 {
                let time = Double(step) / 10
                if ContinuousClock.now - start > .milliseconds(100 * step + 800) { return false }
                try fast.make(3, at: time)
                if time < 45 { try reused.make(3, at: time) }
                try slow.make(step % 5 == 0 ? 2 : 1, at: time)
                try leak.make(2, at: time, stayOpen: true)
                if let instant = instants.first, time >= instant {
                    instants.removeFirst()
                    if fast.end == nil { try fast.ask(at: time) }
                    if time > 3 { try slow.ask(at: time) }
                    if time < 45 { try reused.ask(at: time) }
                    if time > 3, leak.end == nil { try leak.ask(at: time) }
                }
                let next = start + .milliseconds(100 * (step + 1))
                if ContinuousClock.now < next { usleep(UInt32((next - ContinuousClock.now) / .microseconds(1))) }
            }
            return true
        }
    }

    @Test(
        "The forecast of exhaustion is within 5 %, and infinite when the ports suffice or are reused"
    )
    func forecasts() throws {
        var traffics = try Traffics()
        var attempts = 1
        while try !traffics.run() {
            try #require(attempts < 4, "the machine stands still again and again")
            attempts += 1
            traffics = try Traffics()
        }
        let fast = traffics.fast
        let end = try #require(fast.end)
        #expect(fast.forecasts.count == 5)
        for (at, moment) in fast.forecasts { #expect(abs(moment - end) < 0.05 * end, "at \(at): \(moment), \(end)") }
        #expect(traffics.slow.end == nil, "no connect() fails")
        #expect(traffics.slow.forecasts.allSatisfy { $0.moment == .infinity }, "\(traffics.slow.forecasts)")
        #expect(traffics.reused.end == nil)
        #expect(traffics.reused.forecasts.allSatisfy { $0.moment == .infinity }, "\(traffics.reused.forecasts)")
        let leakEnd = try #require(traffics.leak.end)
        #expect(traffics.leak.forecasts.count >= 4)
        for (at, moment) in traffics.leak.forecasts {
            // The mean of the last ten seconds holds up to a second from before the leak.
            let share = at < 12 ? 0.2 : 0.05
            #expect(abs(moment - leakEnd) < share * leakEnd, "at \(at): \(moment), \(leakEnd)")
        }
    }
}
