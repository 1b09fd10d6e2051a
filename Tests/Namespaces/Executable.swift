import Foundation

/// The programs that this package builds.
package enum Executable {
    /// The path of a program that was built together with the tests, say `timewait_exporter`.
    package static func built(_ name: String) throws(NamespaceError) -> String {
        for folder in folders {
            let path = folder + "/" + name
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw .notBuilt(program: name, lookedIn: folders)
    }

    /// Where to look. The build puts the programs into the folder of the test runner, wherever that
    /// is (`--scratch-path`, debug or release); a runner that only loads the tests is told of them
    /// in an argument; and this source file knows the package.
    private static let folders: [String] = {
        let runner = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let bundles = CommandLine.arguments.filter { $0.hasSuffix(".xctest") || $0.hasSuffix(".so") }
        let parents = ([runner] + bundles).map { ($0 as NSString).deletingLastPathComponent }
        let package = String(#filePath.dropLast("/Tests/Namespaces/Executable.swift".count))
        return parents + ["debug", "release"].map { "\(package)/.build/\($0)" }
    }()
}
