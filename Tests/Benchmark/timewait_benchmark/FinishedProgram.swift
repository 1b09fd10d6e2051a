import Foundation
import Glibc

/// A program that ran to its end, and what it said.
struct FinishedProgram {
    let cpuMilliseconds: Double
    /// How many lines it wrote.
    let lines: Int
    /// The beginning of what it wrote; what goes beyond a megabyte is only counted.
    let text: String

    /// Runs a program; it is an error if that takes longer than `seconds`, or if it ends with
    /// another status than 0.
    init(_ arguments: [String], within seconds: Double) throws {
        let child = try Child(arguments, output: true)
        let deadline = Date(timeIntervalSinceNow: seconds)
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        var kept: [UInt8] = []
        var lines = 0
        while true {
            var waiting = pollfd(fd: child.output, events: Int16(POLLIN), revents: 0)
            let left = Int32(max(0, deadline.timeIntervalSinceNow * 1000))
            guard unsafe poll(&waiting, 1, left) > 0 else {
                throw BenchmarkError("\(child.name) did not end in \(Int(seconds)) seconds")
            }
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(child.output, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            for byte in buffer[..<count] where byte == UInt8(ascii: "\n") { lines += 1 }
            if kept.count < 1 << 20 { kept += buffer[..<count] }
        }
        let ending = try child.wait()
        guard ending.status == 0 else { throw BenchmarkError("\(child.name) failed") }
        cpuMilliseconds = ending.cpuMilliseconds
        self.lines = lines
        text = String(decoding: kept, as: UTF8.self)
    }
}
