import Model
import Testing

@testable import Aggregator

@Suite("The limit of recognised sockets that the memory allows")
struct SocketsLimitTests {
    @Test(
        "A table of as many sockets as the memory allows stays within it, whatever comes and goes",
        arguments: [1 << 20, 5 << 20, 14 << 20]
    )
    func staysWithin(bytes: Int) {
        let limit = AccountingSettings.socketsLimit(within: bytes + AccountingSettings.otherMemory)
        #expect(limit > 0)
        var table = CookieTable(limit: limit)
        var (largest, cookie) = (0, UInt64(1))
        // Each reading has more than are recognised, and none of the sockets of the one before.
        for _ in 0..<4 {
            table.begin()
            for _ in 0..<limit + limit / 4 {
                _ = table.see(cookie)
                cookie += 1
            }
            #expect(table.present == limit && table.untracked == limit / 4)
            largest = max(largest, table.places.count)
        }
        // The old table and the new one, while it is made anew.
        #expect(2 * 8 * largest <= bytes)
        #expect(4 * 8 * largest > bytes)
    }

    @Test("More memory never allows fewer sockets, and too little allows none")
    func monotone() {
        var before = 0
        for bytes in stride(from: 0, through: 1 << 30, by: 1 << 18) {
            let limit = AccountingSettings.socketsLimit(within: bytes)
            #expect(limit >= before)
            before = limit
        }
        #expect(AccountingSettings.socketsLimit(within: -1) == 0)
        #expect(AccountingSettings.socketsLimit(within: .max) > 100_000_000)
    }
}
