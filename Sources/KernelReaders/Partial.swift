/// What a reading gave, and the parts that it could not give: each part stands alone, and is absent where it failed.
package struct Partial<Value: Sendable>: Sendable {
    /// What could be read.
    package var value: Value
    /// Why the rest could not.
    package var failures: [ReadError] = []
}

/// Collects the failures of a reading's parts.
struct PartFailures {
    private(set) var errors: [ReadError] = []

    /// Takes in that a part failed.
    mutating func note(_ error: ReadError) { errors.append(error) }

    /// Reads a part; nil where that fails.
    mutating func part<Value>(_ read: () throws(ReadError) -> Value) -> Value? {
        do throws(ReadError) {
            return try read()
        } catch {
            note(error)
            return nil
        }
    }
}
