package import Aggregator
package import KernelReaders
package import Model

/// What a sampler needs when it starts.
package struct SamplerSettings: Sendable {
    /// The least number of seconds between two readings of the socket table.
    package var interval = 5.0
    /// The part of one core, above 0 and at most 1, that all readings together may take: above it
    /// the time between them is stretched.
    package var cpuShare = 0.01
    /// How long, in seconds, a reading may hold up the others: then it goes on aside.
    package var patience = 2.0
    /// How long, in seconds, a reading of the socket table may take before it is given up: the
    /// first one, which the first page waits for, and later ones, which hold up the others no
    /// longer than `patience`.
    package var tablePatience = (first: 10.0, later: 60.0)
    /// Where to read the socket table.
    package var source = SourceChoice.auto
    /// How much the accounting keeps and shows.
    package var accounting = AccountingSettings()
    /// Whether and how closes are traced; nil for not at all.
    package var who: WhoSettings?

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
    /// A collector's reading takes longer than the others wait for it, and goes on aside.
    case late(Collector, ReadError)
    /// A part of a collector's reading failed; the other parts stand.
    case failedInPart(Collector, ReadError)
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
    /// Processes of other users are hidden (ProtectProc=invisible, hidepid=2): those that ran
    /// before the trace of closes have no names.
    case hidesProcesses
    /// A reading of the socket table left this many rows out, and the one before none.
    case malformedRows(Int)
}
