import Model
import Testing

@testable import Aggregator

@Suite("The seed of the tables of destinations and peers")
struct HashSeedTests {
    /// 16,000 destinations that an attacker chose by the function that was here without a seed:
    /// all of them had the same 10 lower bits.
    private static let chosen: [Destination] = {
        func unseeded(_ address: IPAddress) -> UInt64 {
            var number = UInt64(0xFFFF_7F00_0001) &* 0x9E37_79B9_7F4A_7C15
            number =
                (number ^ number >> 32 ^ address.low ^ address.high &* 0x94D0_49BB_1331_11EB) &* 0xBF58_476D_1CE4_E5B9
            number = (number ^ number >> 32 ^ 443) &* 0x9E37_79B9_7F4A_7C15
            return number ^ number >> 29
        }
        var found: [Destination] = []
        var low: UInt64 = 0
        while found.count < 16_000 {
            low += 1
            let address = IPAddress(high: 0x2001_0DB8_0000_0000, low: low)
            guard unseeded(address) & 0x3FF == 7 else { continue }
            found.append(Destination(source: .loopback, address: address, port: 443))
        }
        return found
    }()

    @Test("Destinations that were chosen to collide do not collide under a seed", arguments: 1...5)
    func spread(_: Int) {
        let seed = HashSeed()
        var uses = [Int](repeating: 0, count: 1024)
        for destination in Self.chosen { uses[Int(destination.hash(seed) & 1023)] += 1 }
        // 15.6 each in the mean; by chance none has 60.
        #expect(uses.max() ?? 0 < 60)
    }

    @Test("Two processes place the same destinations differently")
    func differs() {
        let (first, second) = (HashSeed(), HashSeed())
        let same = Self.chosen.prefix(1000).count { $0.hash(first) & 0x3FFF == $0.hash(second) & 0x3FFF }
        #expect(same < 20)
    }
}
