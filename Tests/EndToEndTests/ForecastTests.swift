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

        /// Makes connections that the client closes first; notes when there is no port for one.
        func make(_ count: Int, at time: Double) {
            guard end == nil, count > 0 else { return }
            do { try namespace.makeTimeWaits(count, .client, port: 8080) } catch { end = time }
        }

        func ask(at time: Double) throws {
            let seconds = try #require(try exporter.page()["timewait_destination_exhaustion_seconds"])
            forecasts.append((time, time + seconds))
        }
    }

    @Test("is within 5 % at 30 a second on 1000 ports, and never at 12; sees a leak; is never where ports are reused")
    func forecasts() throws {
        let (fast, slow, leak) = (try Traffic(), try Traffic(), try Traffic())
        let reused = try Traffic(["tcp_tw_reuse": "1"])
        let start = ContinuousClock.now
        var instants = [3.0, 5, 10, 20, 30, 40, 50, 60, 70, 80][...]
        // Ten steps a second: 3 connections make 30, 12 of 10 steps make 12, 2 make 20.
        for step in 0..<850 {
            let time = Double(step) / 10
            fast.make(3, at: time)
            reused.make(time < 45 ? 3 : 0, at: time)
            slow.make(step % 5 == 0 ? 2 : 1, at: time)
            if time < 20 { try leak.namespace.openConnections(2, port: 8080) }
            if let instant = instants.first, time >= instant {
                instants.removeFirst()
                if fast.end == nil { try fast.ask(at: time) }
                if time > 3 { try slow.ask(at: time) }
                if time < 45 { try reused.ask(at: time) }
                if time > 3, time < 20.5 { try leak.ask(at: time) }
            }
            let next = start + .milliseconds(100 * (step + 1))
            if ContinuousClock.now < next { usleep(UInt32((next - ContinuousClock.now) / .microseconds(1))) }
        }
        let end = try #require(fast.end)
        #expect(fast.forecasts.count == 5)
        for (at, moment) in fast.forecasts { #expect(abs(moment - end) < 0.05 * end, "at \(at): \(moment), \(end)") }
        #expect(slow.end == nil, "no connect() fails")
        #expect(slow.forecasts.allSatisfy { $0.moment == .infinity }, "\(slow.forecasts)")
        #expect(reused.end == nil)
        #expect(reused.forecasts.allSatisfy { $0.moment == .infinity }, "\(reused.forecasts)")
        // 1000 ports at 20 a second.
        #expect(leak.forecasts.count == 3)
        for (at, moment) in leak.forecasts { #expect(abs(moment - 50) < 0.05 * 50, "at \(at): \(moment)") }
    }
}
