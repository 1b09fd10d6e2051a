import Model
import Testing

@testable import Sampler

@Suite("The pace of all readings together")
struct PaceTests {
    /// The costs of a machine, in seconds of CPU time.
    private struct Machine {
        var second: Double
        var look: Double
        var table: Double
        var addresses: Double
        var udp: Double
    }

    /// The part of a core that the readings of a machine take in an hour.
    private func used(by machine: Machine, _ pace: inout Pace) -> Double {
        for _ in 0..<40 {
            pace.note(second: machine.second)
            pace.note(look: machine.look)
            pace.note(table: machine.table)
        }
        let addresses = pace.pause(of: .localAddresses, costing: machine.addresses)
        let udp = pace.pause(of: .udp, costing: machine.udp)
        return machine.second / pace.second + machine.look / pace.look + machine.table / pace.interval
            + machine.addresses / addresses + machine.udp / udp
    }

    @Test("60,000 listeners that cost 6 % of a core when looked at each second are looked at more rarely")
    func listeners() {
        var pace = Pace(requested: 5, share: 0.01)
        let used = used(by: Machine(second: 0.001, look: 0.06, table: 0.06, addresses: 1e-4, udp: 1e-4), &pace)
        #expect(used <= 0.0101)
        #expect(pace.second == 1 && pace.look > pace.interval && pace.interval < 30)
    }

    @Test(
        "Whatever readings cost, they stay in their share until each is as rare as it may be",
        arguments: 0..<30 as Range<UInt64>
    )
    func share(seed: UInt64) {
        var random = SeededNumbers(seed)
        for _ in 0..<200 {
            func cost(_ highest: Double) -> Double { highest * Double.random(in: 0...1, using: &random) }
            let share = [0.001, 0.01, 0.1, 1].randomElement(using: &random)!
            let machine = Machine(
                second: cost(5 * share),
                look: cost(7 * share),
                table: cost(7 * share),
                addresses: cost(10 * share),
                udp: cost(10 * share)
            )
            var pace = Pace(requested: 5, share: share)
            #expect(used(by: machine, &pace) <= 1.001 * share)
        }
    }

    @Test("Cheap readings keep the rhythm that was asked for")
    func cheap() {
        var pace = Pace(requested: 2, share: 0.01)
        // The first ones make what the next ones find made.
        pace.note(second: 0.2)
        pace.note(look: 0.2)
        #expect(used(by: Machine(second: 0.001, look: 5e-5, table: 0.005, addresses: 1e-4, udp: 1e-4), &pace) < 0.01)
        #expect(pace.second == 1 && pace.look == 1 && pace.interval == 2)
    }
}
