package import Model
import System

/// Reads who owns the sockets of this network namespace, as far as the caller may see it: root sees
/// all, others their own processes, and of every socket its user.
package struct SocketOwnersReader {
    private let proc: ProcFilesystem
    private let readsSockDiag: Bool
    private var names = UserNames()

    /// A reader of a procfs.
    ///
    /// - Parameter readsSockDiag: whether sockets are read over sock_diag where the kernel gives it
    ///   to us. Where the procfs is none, as a capture is none, sock_diag would tell of another
    ///   host, and is not asked.
    package init(_ proc: ProcFilesystem, readsSockDiag: Bool) {
        self.proc = proc
        self.readsSockDiag = readsSockDiag && proc.isLive
    }

    /// Reads every TCP socket that is not TIME_WAIT, and its owner. Sockets that are only bound are
    /// among them over sock_diag of Linux 6.8 and later.
    ///
    /// - Parameter asksOptions: which sockets are asked for their options.
    package mutating func read(asksOptions: (OwnedSocket) -> Bool) throws(ReadError) -> SocketOwners {
        var owners = SocketOwners()
        owners.sockets = try sockets()
        var (wanted, asked): (Set<UInt64>, Set<UInt64>) = ([], [])
        for socket in owners.sockets where socket.inode != 0 {
            wanted.insert(socket.inode)
            if asksOptions(socket) { asked.insert(socket.inode) }
        }
        let scan = ProcessScan(proc, for: wanted, asking: asked)
        owners.processes = scan.processes
        owners.options = scan.options
        if scan.hasBlindSpots {
            owners.hidden = try lasting(owners.sockets.filter { $0.inode != 0 && scan.processes[$0.inode] == nil })
        }
        owners.optionsAreHidden = scan.optionsAreHidden || owners.hidden.contains { asked.contains($0.inode) }
        owners.userNames = userNames(of: owners.sockets)
        return owners
    }

    /// Those of some sockets that are still there: what was closed before its process was looked at is not hidden.
    private func lasting(_ candidates: [OwnedSocket]) throws(ReadError) -> [OwnedSocket] {
        guard !candidates.isEmpty else { return [] }
        let present = Set(try sockets().lazy.map(\.inode))
        return candidates.filter { present.contains($0.inode) }
    }

    private func sockets() throws(ReadError) -> [OwnedSocket] {
        if readsSockDiag {
            do throws(ReadError) {
                var table = try SockDiagTable()
                return try table.ownedSockets()
            } catch {
                // procfs is there for whoever is refused.
            }
        }
        var table = ProcSocketTable(proc)
        return try table.ownedSockets()
    }

    /// The names of the sockets' users.
    ///
    /// The kernel gives the numbers as this process' user namespace has them, and so are the names:
    /// those that `ps` and `id` would print here. A user that the namespace does not have goes by
    /// the overflow number, which would be called nobody; that name is left out. A procfs of
    /// elsewhere, with a passwd of elsewhere, gives no names.
    private mutating func userNames(of sockets: [OwnedSocket]) -> [UInt32: String] {
        guard proc.hasOurProcessNumbers else { return [:] }
        // Mini-sockets have none, and say 0.
        var users = Set(sockets.lazy.filter { !$0.row.isTimeWaitMiniSocket }.map(\.user))
        if let overflow = proc.overflowUser { users.remove(overflow) }
        return names.names(of: users)
    }
}
