/// Where the socket table is to be read, by the names of `--sampler.source`.
package enum SourceChoice: String, CaseIterable, Sendable {
    /// sock_diag where the kernel gives it to us, else procfs.
    case auto
    /// sock_diag or nothing.
    case sockDiag = "sock_diag"
    /// procfs.
    case procfs
}
