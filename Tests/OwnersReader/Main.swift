import Glibc
import KernelReaders
import Model
import System

/// `owners_reader sock_diag|procfs [asking]`: prints the sockets of this network namespace and who
/// owns them, a line each with a tab between its fields: state, local port, remote port, user,
/// inode, pid, name, unit, container, options (asked of all with `asking`), and `hidden` where the
/// owner was. "-" means none. The last line says whether options are hidden, and how many
/// milliseconds the reading took.
@main
struct OwnersReader {
    static func main() {
        let words = (try? ProcessArguments.read()) ?? []
        guard words.contains("sock_diag") != words.contains("procfs") else {
            print("owners_reader sock_diag|procfs [asking]")
            exit(64)
        }
        var reader = SocketOwnersReader(ProcFilesystem(mount: "/proc"), readsSockDiag: words.contains("sock_diag"))
        let start = Clock.now
        do throws(ReadError) {
            let owners = try reader.read { _ in words.contains("asking") }
            let nanoseconds = Clock.now.nanoseconds - start.nanoseconds
            let hidden = Set(owners.hidden.map(\.inode))
            for socket in owners.sockets { print(line(socket, owners, isHidden: hidden.contains(socket.inode))) }
            print("options_hidden \(owners.optionsAreHidden) milliseconds \(Double(nanoseconds / 1000) / 1000)")
        } catch {
            print(error)
            exit(1)
        }
    }

    private static func line(_ socket: OwnedSocket, _ owners: SocketOwners, isHidden: Bool) -> String {
        let process = owners.processes[socket.inode]
        let options = owners.options[socket.inode].map { options in
            let set = [
                options.reusesAddress ? "reuseaddr" : nil, options.reusesPort ? "reuseport" : nil,
                options.bindsWithoutPort == true ? "bind_address_no_port" : nil,
            ].compactMap { $0 }
            return set.isEmpty ? "none" : set.joined(separator: ",")
        }
        let fields: [String?] = [
            socket.row.state.name, "\(socket.row.localPort)", "\(socket.row.remotePort)",
            owners.userNames[socket.user] ?? "\(socket.user)", "\(socket.inode)",
            process.map { "\($0.pid)" }, process?.name, process?.unit, process?.container, options,
            isHidden ? "hidden" : nil,
        ]
        return fields.map { $0 ?? "-" }.joined(separator: "\t")
    }
}
