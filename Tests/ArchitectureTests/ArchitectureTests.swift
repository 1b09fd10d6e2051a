import Foundation
import Scenes
import Testing

/// What SwiftPM cannot check. It does check the imports between modules: see `Package.swift`.
@Suite("The modules of Sources")
struct ArchitectureTests {
    /// The Swift files of Sources, without their comments.
    private static func files() throws -> [(path: String, text: String)] {
        let sources = Scene.repository.appending(path: "Sources").path(percentEncoded: false)
        let paths = try FileManager.default.subpathsOfDirectory(atPath: sources).filter { $0.hasSuffix(".swift") }
        try #require(paths.count > 50)
        return try paths.map { path in
            let text = try String(contentsOfFile: "\(sources)/\(path)", encoding: .utf8)
            return (path, text.replacing(/(?m)^\s*\/\/.*$| \/\/ .*$/, with: ""))
        }
    }

    @Test("Sources do not use Foundation, Dispatch or tasks")
    func noFoundation() throws {
        for (path, text) in try Self.files() {
            #expect(text.firstMatch(of: /(?m)^\s*(?:\w+ )?import (Foundation\w*|Dispatch)/) == nil, "\(path)")
            #expect(text.firstMatch(of: /\bTask\b\s*(\{|\.detached)/) == nil, "\(path)")
        }
    }

    @Test(
        "Sources do not pass Double.init or Float.init to map, which may select init(bitPattern:)"
    )
    func noBitPatterns() throws {
        for (path, text) in try Self.files() {
            #expect(text.firstMatch(of: /\bmap\((Double|Float)\.init\)/) == nil, "\(path)")
        }
    }

    @Test("Only System makes system calls")
    func systemCalls() throws {
        let calls = [
            "access", "clock_gettime", "eventfd", "fcntl", "fstat", "getenv", "geteuid", "getpeername", "getpid",
            "getpwuid_r",
            "getrlimit", "getsockname", "getsockopt", "if_indextoname", "ioctl", "isatty", "mkstemp", "nanosleep",
            "openat", "opendir", "poll", "pthread_\\w+", "readdir", "readlink", "readlinkat", "recv", "sendto",
            "setrlimit", "setsockopt", "sigtimedwait", "socketpair", "strerror", "sysconf", "usleep", "clinux_\\w+",
        ]
        let call = try Regex("(?:^|[^.\\w])(?:(?:\(calls.joined(separator: "|")))\\(|Glibc\\.\\w+\\()")
        let files = try Self.files()
        #expect(files.contains { $0.path.hasPrefix("System/") && $0.text.firstMatch(of: call) != nil })
        for (path, text) in files where !path.hasPrefix("System/") {
            let found = text.firstMatch(of: call).map { String(text[$0.range]) }
            #expect(found == nil, "\(path)")
        }
    }

    @Test("Only System and modules that wrap a C library use unsafe code")
    func unsafeAtTheBorder() throws {
        // Loads reads numbers at any offset of a span, after a check of its bounds.
        let exceptions = ["KernelReaders/Loads.swift"]
        for (path, text) in try Self.files() where text.firstMatch(of: /\bunsafe\b/) != nil {
            if path.hasPrefix("System/") || exceptions.contains(path) { continue }
            let library = /(?m)^import C(Microhttpd|GnuTLS|Zlib|Crypt|Yaml|Curl|BuildInformation)$/
            #expect(text.firstMatch(of: library) != nil, "\(path)")
        }
    }
}
