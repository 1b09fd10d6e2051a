import Glibc

/// The fuzz targets. `.ci/run-fuzzers` builds them into one program with libFuzzer, which has its
/// `main`, and chooses one by TIMEWAIT_FUZZ_TARGET. docs/testing.md says what each of them checks.
private let targets: [String: @Sendable (_ input: [UInt8]) -> Void] = [
    "accept": AcceptTarget.check,
    "credentials": CredentialsTarget.check,
    "durations": DurationsTarget.check,
    "listen_addresses": ListenAddressesTarget.check,
    "perf_ring": PerfRingTarget.check,
    "port_lists": PortListsTarget.check,
    "prober_yaml": ProberYAMLTarget.check,
    "procfs": ProcfsTarget.check,
    "query": QueryTarget.check,
    "route": RouteTarget.check,
    "samples": SamplesTarget.check,
    "sock_diag": SockDiagTarget.check,
    "socket_table": SocketTableTarget.check,
    "trace_format": TraceFormatTarget.check,
    "web_yaml": WebYAMLTarget.check,
]

private let chosen: @Sendable ([UInt8]) -> Void = {
    let name = unsafe getenv("TIMEWAIT_FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
    guard let target = targets[name] else {
        print("TIMEWAIT_FUZZ_TARGET has to be one of \(targets.keys.sorted().joined(separator: ", "))")
        exit(64)
    }
    return target
}()

/// Called by libFuzzer with one input after the other, on one thread.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // The bytes are libFuzzer's, and live as long as the call.
    unsafe chosen(Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
}

/// Ends the process, and libFuzzer keeps the input, where something is not as it must be.
func must(_ isSo: Bool, _ what: @autoclosure () -> String) {
    if isSo { return }
    print("NOT AS IT MUST BE: \(what())")
    fflush(nil)
    abort()
}

/// The unsigned numbers, texts and pieces that a target reads off the front of its input.
struct Input {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    mutating func number(bytes: Int) -> UInt64 {
        (0..<bytes).reduce(0) { number, index in number | UInt64(byte()) << UInt64(8 * index) }
    }

    /// The next so many bytes, or what is left.
    mutating func piece(_ count: Int) -> [UInt8] {
        let piece = rest.prefix(count)
        rest = rest.dropFirst(count)
        return Array(piece)
    }

    /// The pieces that have their lengths before them, in two bytes: the datagrams of a capture.
    mutating func datagrams() -> [[UInt8]] {
        var datagrams: [[UInt8]] = []
        while !rest.isEmpty { datagrams.append(piece(Int(number(bytes: 2)))) }
        return datagrams
    }
}
