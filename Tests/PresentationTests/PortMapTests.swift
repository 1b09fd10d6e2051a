import Advice
import Model
import SyntheticMachines
import Testing

@testable import Presentation

@Suite("The port map of the landing page")
struct PortMapTests {
    @Test(
        "The port map paints each held port in its strongest state",
        arguments: SyntheticMachine.Pattern.allCases
    )
    func map(_ pattern: SyntheticMachine.Pattern) throws {
        for (low, high) in [(Port(32_768), Port(60_999)), (1, 65_535), (40_001, 40_003)] {
            let machine = SyntheticMachine {
                $0.pattern = pattern
                $0.range = PortRange(low: low, high: high)
            }
            let situation = machine.situation
            let occupancy = try #require(situation.sample.ports).occupancy
            let document = LandingDocument(situation)
            let established = document.painted("est")
            let other = document.painted("oth").subtracting(established)
            let timeWait = document.painted("tw").subtracting(established).subtracting(other)
            let held = occupancy.established.union(occupancy.other).union(occupancy.timeWait)
                .subtracting(occupancy.listening)
            #expect(established == occupancy.established.subtracting(occupancy.listening))
            #expect(other == occupancy.other.subtracting(established).subtracting(occupancy.listening))
            #expect(established.union(other).union(timeWait) == held)
            #expect(document.painted("res") == machine.reserved.intersection(PortSet(try #require(machine.range))))
        }
    }

    @Test("The port map marks every port with a listener", arguments: [0, 20, 2000])
    func listeners(_ count: Int) throws {
        let machine = SyntheticMachine { $0.listeners = count }
        let document = LandingDocument(machine.situation)
        var marked = PortSet()
        for path in document.all("class=\"(?:shift )?tick[^\"]*\" d=\"([^\"]*)\"") {
            var (x, y) = (0, 0)
            for move in path.matches(of: /([Mm])(-?\d+)[ ]?(-?\d+)v1/) {
                let (dx, dy) = (Int(move.2) ?? 0, Int(move.3) ?? 0)
                (x, y) = move.1 == "M" ? (dx, dy) : (x + dx, y + dy)
                marked.insert(Port(1000 * y + x))
                y += 1
            }
        }
        for port in document.all("<a href=\"#e(\\d+)\"").compactMap({ Port($0) }) { marked.insert(port) }
        #expect(marked == PortSet(machine.listeningPorts))
    }
}
