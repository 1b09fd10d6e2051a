package import Aggregator
package import KernelReaders
package import Model

/// What a sampler needs when it starts.
package struct SamplerSettings: Sendable {
    /// The least number of seconds between two readings of the socket table.
    package var interval = 5.0
    /// The part of one core, above 0 and at most 1, that readings of the socket table may take:
    /// above it the interval is stretched.
    package var cpuShare = 0.01
    /// Where to read the socket table.
    package var source = SourceChoice.auto
    /// How much the accounting keeps and shows.
    package var accounting = AccountingSettings()

    /// The defaults.
    package init() {}
}

/// Where the socket table is to be read, by the names of `--sampler.source`.
package enum SourceChoice: String, CaseIterable, Sendable {
    /// sock_diag where the kernel gives it to us, else procfs.
    case auto
    /// sock_diag or nothing.
    case sockDiag = "sock_diag"
    /// procfs.
    case procfs
}

/// What the sampler reports for the log.
package enum SamplerEvent: Sendable {
    /// A collector's reading failed, or fails in another way than before.
    case failed(Collector, ReadError)
    /// This kernel does not have what a collector reads; it is not read in vain for ever, and is no
    /// failure.
    case absent(Collector, ReadError)
    /// A collector that had failed works again.
    case recovered(Collector)
    /// The socket table is read here from now on; where that is not the first choice, because of
    /// this.
    case reads(TableSource, because: ReadError?)
    /// The namespace's own addresses are read from files, since rtnetlink did not give them because
    /// of this.
    case readsAddressFiles(because: ReadError)
    /// A reading of the socket table left this many rows out, and the one before none.
    case malformedRows(Int)
}
