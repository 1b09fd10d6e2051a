import Foundation
import Glibc

/// Waiting for something that others do.
enum Waiting {
    /// Waits until something is so; an error if it is not within `seconds`.
    static func until(_ what: String, within seconds: Double, _ isSo: () throws -> Bool) throws {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while try !isSo() {
            guard Date() < deadline else { throw BenchmarkError("waited \(Int(seconds)) s in vain until \(what)") }
            usleep(20_000)
        }
    }
}
