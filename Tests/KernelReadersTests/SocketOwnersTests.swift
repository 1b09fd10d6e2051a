import Foundation
import KernelReaders
import Model
import Scenes
import Testing

@Suite("The owners of sockets of this process and its children")
struct OwnSocketOwnersTests {
    /// Reads over one source, and asks the sockets with some inodes for their options.
    private func read(sockDiag: Bool, asking inodes: Set<UInt64> = []) throws -> SocketOwners {
        var reader = SocketOwnersReader(ProcFilesystem(mount: "/proc"), readsSockDiag: sockDiag)
        return try reader.read { inodes.contains($0.inode) }
    }

    private func socket(_ inode: UInt64, in owners: SocketOwners) throws -> OwnedSocket {
        try #require(owners.sockets.first { $0.inode == inode })
    }

    private var ownName: String {
        get throws { String(try String(contentsOfFile: "/proc/self/comm", encoding: .utf8).dropLast()) }
    }

    @Test(
        "The reader returns the port, state, user, process and options of a listener",
        arguments: [true, false],
        [
            (ipv6: false, options: []), (false, [SO_REUSEADDR]), (false, [SO_REUSEPORT]),
            (true, [SO_REUSEADDR, SO_REUSEPORT]), (true, []),
        ] as [(ipv6: Bool, options: [CInt])]
    )
    func listeners(sockDiag: Bool, listener: (ipv6: Bool, options: [CInt])) throws {
        let listening = try TestSocket.listening(isIPv6: listener.ipv6, listener.options)
        let inode = try listening.inode
        let owners = try read(sockDiag: sockDiag, asking: [inode])
        let socket = try socket(inode, in: owners)
        #expect(try socket.row.localPort == listening.port && socket.row.state == .listen)
        #expect(socket.user == geteuid())
        let process = try #require(owners.processes[inode])
        #expect(try process.pid == getpid() && process.name == ownName)
        #expect(
            owners.options[inode]
                == SocketOptions(
                    reusesAddress: listener.options.contains(SO_REUSEADDR),
                    reusesPort: listener.options.contains(SO_REUSEPORT),
                    bindsWithoutPort: false
                )
        )
        #expect(owners.options.count == 1)
        #expect(!owners.optionsAreHidden && !owners.hidden.contains(socket))
        if geteuid() == 0 { #expect(owners.userNames[0] == "root") }
    }

    @Test(
        "Reading the options of sockets does not disturb their connections",
        arguments: [true, false]
    )
    func undisturbed(sockDiag: Bool) throws {
        for ipv6 in [false, true] {
            let listening = try TestSocket.listening(isIPv6: ipv6)
            let client = try TestSocket(isIPv6: ipv6)
            try client.set(IP_BIND_ADDRESS_NO_PORT, CInt(IPPROTO_IP))
            try client.bind()
            try client.connect(to: listening.port)
            let plain = try TestSocket(isIPv6: ipv6)
            try plain.bind()
            try plain.connect(to: listening.port)
            let waiting = try listening.port
            let inodes = try [listening.inode, client.inode, plain.inode]
            let owners = try read(sockDiag: sockDiag, asking: Set(inodes))
            #expect(inodes.map { owners.options[$0]?.bindsWithoutPort } == [false, true, false])
            #expect(try socket(client.inode, in: owners).row.remotePort == waiting)
            #expect(try socket(client.inode, in: owners).row.state == .established)
            // Nobody owns what waits in the accept queue.
            #expect(owners.sockets.count { $0.row.localPort == waiting && $0.inode == 0 } == 2)

            let server = try listening.accepted()
            try client.send(42)
            #expect(try server.receive() == 42)
            try server.send(43)
            #expect(try client.receive() == 43)
            let late = try TestSocket(isIPv6: ipv6)
            try late.connect(to: waiting)
        }
    }

    @Test("Over sock_diag, the reader returns bound sockets if the kernel lists them")
    func bound() throws {
        let bound = try TestSocket()
        try bound.bind()
        let inode = try bound.inode
        let owners = try read(sockDiag: true, asking: [inode])
        guard try ProcFilesystem(mount: "/proc").tellsBoundSockets() else { return }
        #expect(try socket(inode, in: owners).row.state == .boundInactive)
        #expect(try socket(inode, in: owners).row.localPort == bound.port)
        #expect(owners.processes[inode]?.pid == getpid())
        #expect(owners.options[inode]?.reusesAddress == false)
    }

    @Test("A shared socket belongs to the process with the lowest number that still holds it")
    func shared() throws {
        let inode: UInt64
        let child: SleepingChild
        do {
            let listening = try TestSocket.listening([SO_REUSEADDR])
            inode = try listening.inode
            child = try SleepingChild(holding: listening)
            #expect(try read(sockDiag: true).processes[inode]?.pid == min(getpid(), child.process))
        }
        // Whether the child has become `sleep` yet is not ours to say.
        var owners = try read(sockDiag: true, asking: [inode])
        for _ in 0..<500 where owners.processes[inode]?.name != "sleep" {
            usleep(10_000)
            owners = try read(sockDiag: true, asking: [inode])
        }
        let process = try #require(owners.processes[inode])
        #expect(process.pid == child.process && process.name == "sleep")
        #expect(owners.options[inode]?.reusesAddress == true)
    }

    @Test("A descriptor that now refers to another socket gives no options")
    func descriptorReused() throws {
        let listening = try TestSocket.listening([SO_REUSEADDR])
        let handle = try ProcessHandle(getpid())
        #expect(try handle.options(ofSocket: listening.inode, at: listening.descriptor)?.reusesAddress == true)
        #expect(try handle.options(ofSocket: listening.inode + 1, at: listening.descriptor) == nil)
        let file = try #require(FileHandle(forReadingAtPath: "/dev/null"))
        #expect(try handle.options(ofSocket: listening.inode, at: file.fileDescriptor) == nil)
        // None so high is open.
        let error = #expect(throws: ReadError.self) {
            try handle.options(ofSocket: listening.inode, at: .max)
        }
        #expect(error?.reason == .notFound)
        // No process has the highest number.
        let gone = #expect(throws: ReadError.self) { _ = try ProcessHandle(.max) }
        #expect(gone?.reason == .notFound)
    }

    @Test("The reader skips the options of unselected sockets and returns no TIME_WAIT")
    func unasked() throws {
        let listening = try TestSocket.listening()
        for sockDiag in [true, false] {
            let owners = try read(sockDiag: sockDiag)
            #expect(try owners.processes[listening.inode] != nil)
            #expect(owners.options.isEmpty && !owners.optionsAreHidden)
            #expect(!owners.sockets.contains { $0.row.state == .timeWait })
        }
    }
}

@Suite("The owners of sockets in a captured procfs")
struct CapturedSocketOwnersTests {
    /// Adds a process with the sockets of some inodes.
    private func add(_ process: Int, _ name: [UInt8], sockets: [UInt64], cgroup: String?, to scene: Scene) throws {
        let folder = "\(scene.path)/\(process)"
        try FileManager.default.createDirectory(atPath: folder + "/fd", withIntermediateDirectories: true)
        try Data(name).write(to: URL(filePath: folder + "/comm"))
        if let cgroup { try scene.write(cgroup, to: "\(process)/cgroup") }
        for (descriptor, target) in (["/dev/null", "pipe:[7]"] + sockets.map { "socket:[\($0)]" }).enumerated() {
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/fd/\(descriptor)",
                withDestinationPath: target
            )
        }
    }

    private func read(_ scene: Scene) throws -> SocketOwners {
        // The capture decides: its sockets are not those of this machine.
        var reader = SocketOwnersReader(ProcFilesystem(mount: scene.path), readsSockDiag: true)
        return try reader.read { _ in true }
    }

    @Test("The reader returns every socket except TIME_WAITs, with its user and inode")
    func sockets() throws {
        let owners = try read(Scene("mixed"))
        let counts = Dictionary(grouping: owners.sockets, by: \.row.state).mapValues(\.count)
        #expect(counts == [.listen: 10, .established: 10, .finWait2: 3, .closeWait: 3, .synSent: 1])
        #expect(owners.sockets.count { $0.row.isOrphanFinWait2 && $0.inode == 0 } == 2)
        #expect(owners.sockets.contains { $0.inode == 229_811 && $0.row.state == .listen && $0.user == 0 })
        // No process is there, and none is hidden.
        #expect(owners.processes.isEmpty && owners.hidden.isEmpty)
    }

    @Test("The reader returns processes, units and containers, whatever bytes are in their names")
    func processes() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        let inodes = try read(scene).sockets.map(\.inode).filter { $0 != 0 }
        try add(
            900,
            Array("payments\n".utf8),
            sockets: [inodes[0], inodes[1]],
            cgroup: "0::/system.slice/payments.service\n",
            to: scene
        )
        try add(
            1000,
            [0xFF, 0x0A, 0x1B] + Array("xxxxxxxxxxxxxxxxxxx\n".utf8),
            sockets: [inodes[1], inodes[2], 1],
            cgroup: "0::/docker/\(String(repeating: "0f", count: 32))\n",
            to: scene
        )
        try add(1001, Array("plain\n".utf8), sockets: [inodes[3]], cgroup: nil, to: scene)
        // One that is ending has no name any more.
        try add(1002, [], sockets: [inodes[4]], cgroup: nil, to: scene)
        let owners = try read(scene)
        let payments = SocketProcess(pid: 900, name: "payments", unit: "payments.service")
        #expect(
            owners.processes == [
                inodes[0]: payments, inodes[1]: payments,
                inodes[2]: SocketProcess(pid: 1000, name: "\u{FFFD}\n\u{1B}xxxxxxxxxxxx", container: "0f0f0f0f0f0f"),
                inodes[3]: SocketProcess(pid: 1001, name: "plain"),
            ]
        )
        // The numbers are not those of this machine's processes, nor are the users.
        #expect(owners.optionsAreHidden && owners.options.isEmpty && owners.userNames.isEmpty)
    }

    @Test("A row with a malformed user or inode is skipped")
    func malformed() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        let text = String(decoding: try scene.bytes("thread-self/net/tcp"), as: UTF8.self)
        let before = try read(scene).sockets.count
        try scene.write(text.replacingOccurrences(of: " 0 229811 1 ", with: " 0 2x9811 1 "), to: "thread-self/net/tcp")
        #expect(try read(scene).sockets.count == before - 1)
    }

    @Test("The reading fails when the socket table cannot be read")
    func noTable() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        try scene.remove("thread-self/net/tcp")
        #expect(throws: ReadError.self) { try read(scene) }
    }
}
