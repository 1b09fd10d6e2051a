extension ProcFilesystem {
    /// The name of the machine, as the reader's UTS namespace has it; nil where it cannot be read.
    package var hostName: String? { text("hostname") }

    /// The kernel's version, such as `6.1.0-28-amd64`; nil where it cannot be read.
    package var kernelRelease: String? { text("osrelease") }

    private func text(_ file: String) -> String? {
        try? withSysctl(mount + "/sys/kernel/" + file) { line in line.text(in: 0..<line.count) }
    }

    /// Whether sock_diag of this kernel tells of sockets that are bound and neither listen nor are connected: Linux
    /// 6.8. An older one does not refuse the question, it answers with none; so the version has to tell.
    package func tellsBoundSockets() throws(ReadError) -> Bool {
        let path = mount + "/sys/kernel/osrelease"
        return try withSysctl(path) { (line) throws(ReadError) in
            // "6.18.44-amd64"
            var numbers: [Int] = []
            var start = 0
            for index in 0..<line.count where line[index] == UInt8(ascii: ".") {
                guard let number = line.decimal(in: start..<index, as: Int.self) else { break }
                numbers.append(number)
                start = index + 1
            }
            guard numbers.count >= 2 else {
                throw .malformed(path, "'\(line.text(in: 0..<line.count))', expected a version such as 6.1.0")
            }
            return (numbers[0], numbers[1]) >= (6, 8)
        }
    }
}
