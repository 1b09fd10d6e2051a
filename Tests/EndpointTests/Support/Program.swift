import Foundation

/// Another program: a witness that knows nothing of ours.
enum Program {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Runs a program of PATH to its end.
    ///
    /// - Returns: what it wrote to its standard output.
    @discardableResult
    static func run(_ name: String, _ words: [String], input: [UInt8] = [], mayFail: Bool = false) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [name] + words
        let (standardInput, output) = (Pipe(), Pipe())
        process.standardInput = standardInput
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        // Less than what a pipe holds.
        standardInput.fileHandleForWriting.write(Data(input))
        try standardInput.fileHandleForWriting.close()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard mayFail || process.terminationStatus == 0 else {
            throw Failure(description: "\(name) \(words.joined(separator: " ")): status \(process.terminationStatus)")
        }
        return Array(data)
    }
}
