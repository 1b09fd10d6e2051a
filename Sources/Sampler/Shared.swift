import Synchronization

/// Something that several threads use, one at a time.
final class Shared<Value: ~Copyable & Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: consuming Value) { self.value = Mutex(value) }

    /// Calls a function with the value, once no other thread uses it.
    func use<Result, Failure: Error>(_ body: (inout Value) throws(Failure) -> Result) throws(Failure) -> Result {
        try value.withLock { (value) throws(Failure) in try body(&value) }
    }

    /// Calls a function with the value; nil where another thread uses it.
    func useIfFree<Result>(_ body: (inout Value) -> Result) -> Result? {
        value.withLockIfAvailable { value in body(&value) }
    }
}
