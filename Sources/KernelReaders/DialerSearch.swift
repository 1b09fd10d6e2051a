import CLinux
import Glibc
package import Ports

/// A search for the programs that dial services of this host with connections that last for moments.
///
/// Such a connection is gone before the process that holds it is found by its inode. So the descriptors of all processes
/// are gone through again and again; each socket that was not there before is asked for its ends at once.
package struct DialerSearch {
    private let proc: ProcFilesystem
    private let listening: PortSet
    /// Sockets that were asked, or that were there before and last.
    private var known: Set<UInt64> = []
    private var entries = NumberedEntries()
    private var link = [UInt8](repeating: 0, count: 64)
    /// Our network namespace, as sockets name it; nil before Linux 5.14.
    private let namespace: UInt64?

    /// What was found: the processes, and the ports they dialed.
    package private(set) var dialers: [SocketProcess: PortSet] = [:]

    /// A search for who dials some ports.
    package init(_ proc: ProcFilesystem, dialing listening: PortSet) {
        self.proc = proc
        self.listening = listening
        namespace = ProcessHandle.ownNetworkNamespace
    }

    /// Searches until a moment, or until a program was seen with connections to several ports.
    package mutating func run(until end: Instant) {
        guard proc.hasOurProcessNumbers, namespace != nil else { return }
        while Clock.now < end, !dialers.values.contains(where: { $0.count > 1 }) {
            guard let folder = try? Folder(proc.mount) else { return }
            var numbers: [Int32] = []
            while (try? entries.read(from: folder)) == true { numbers += entries.numbers }
            for number in numbers where number != ProcessHandle.own {
                // One that ends meanwhile, or that may not be looked at, dials nothing that we can see.
                try? search(number)
            }
        }
    }

    private mutating func search(_ number: Int32) throws(ReadError) {
        let folder = try Folder("\(proc.mount)/\(number)/fd")
        while try entries.read(from: folder) {
            for descriptor in entries.numbers {
                guard let count = try? folder.readLink("\(descriptor)", into: &link),
                    let inode = link.span.extracting(0..<count).socketInode, known.insert(inode).inserted
                else { continue }
                let handle = try ProcessHandle(number)
                guard let ends = try handle.ends(ofSocketAt: descriptor), ends.namespace == namespace,
                    isDialing(ends), let process = try? SocketProcess(number, descriptors: folder)
                else { continue }
                dialers[process, default: PortSet()].insert(ends.remotePort)
            }
        }
    }

    private func isDialing(_ ends: SocketEnds) -> Bool {
        listening.contains(ends.remotePort) && !listening.contains(ends.localPort)
            && (ends.remoteAddress == ends.localAddress || ends.remoteAddress.isLoopback)
    }
}
